from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from influence_helpers import (
    CLASSES,
    Network,
    Softmaxed,
    Training,
    double_loop,
    train_and_record,
)
from torch import Tensor, nn

from radiotracer.errors import DataError, InputError, NotFiniteError, RunError
from radiotracer.influence import Tracer

CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def test_the_four_formulas(training: Training) -> None:
    train, queries = training.train, training.queries
    for only, tracer in (
        ("", Tracer(training.model, training.run)),
        ("head", Tracer(training.model, training.run, last_layer_only=True)),
        ("norm", Tracer(training.model, training.run, layers=["norm.*"], batch_size=2)),
    ):
        expected = double_loop(training, train, queries, only)
        own = double_loop(training, train, train, only).diagonal()
        torch.testing.assert_close(tracer.influence(train, queries), expected, **CLOSE)
        torch.testing.assert_close(
            tracer.influence(train, queries, reduce="sum"), expected.sum(dim=1), **CLOSE
        )
        torch.testing.assert_close(tracer.self_influence(train), own, **CLOSE)


def test_another_loss(training: Training) -> None:
    def margin(outputs: Tensor, targets: Tensor) -> Tensor:
        return -outputs.gather(1, targets[:, None])[:, 0]

    tracer = Tracer(training.model, training.run, margin)
    # The head's gradient of -z_y has an output gradient of length 1, whatever the weights.
    last = Tracer(training.model, training.run, margin, last_layer_only=True)
    torch.testing.assert_close(
        last.self_influence(training.train),
        Tracer(training.model, training.run, margin, layers=["head.*"]).self_influence(
            training.train
        ),
        **CLOSE,
    )
    torch.testing.assert_close(
        tracer.influence(training.train, training.queries).sum(dim=1),
        tracer.influence(training.train, training.queries, reduce="sum"),
        **CLOSE,
    )


def test_layers_and_last_layer_only_exclude_each_other(training: Training) -> None:
    with pytest.raises(InputError) as caught:
        Tracer(training.model, training.run, layers=["head.*"], last_layer_only=True)
    assert str(caught.value) == (
        "expected layers or last_layer_only; got both; leave one of them out"
    )


def test_a_network_without_a_head(training: Training) -> None:
    tracer = Tracer(Softmaxed().double(), training.run, last_layer_only=True)
    for call in (
        lambda: tracer.influence(training.train, training.queries),
        lambda: tracer.influence(training.train, training.queries, reduce="sum"),
        lambda: tracer.self_influence(training.train),
    ):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value) == (
            "expected a network whose output is a linear layer's output; "
            "got one that ends otherwise; use a formula over all layers instead"
        )
    # Its other layers are traced all the same.
    everything = Tracer(Softmaxed().double(), training.run)
    torch.testing.assert_close(
        everything.influence(training.train, training.queries, reduce="sum"),
        everything.influence(training.train, training.queries).sum(dim=1),
        **CLOSE,
    )


def test_patterns_see_trained_parameters_only(training: Training) -> None:
    tracer = Tracer(training.model, training.run, layers=["frozen.*"])
    with pytest.raises(InputError, match=r"got 'frozen\.\*', which matches none of conv\.weight"):
        tracer.self_influence(training.train)


def test_another_architecture(training: Training) -> None:
    wider = Network()
    wider.head = nn.Linear(4, CLASSES + 1)
    with pytest.raises(RunError) as caught:
        Tracer(wider.double(), training.run).self_influence(training.train)
    assert str(caught.value) == (
        "expected a checkpoint of the same architecture; got head.weight of shape (3, 4) where "
        "the network has (4, 4); head.bias of shape (3,) where the network has (4,); "
        "pass the network that was trained"
    )


CALLS: dict[str, Callable[[Tracer, Any, Any], Tensor]] = {
    "pairs": lambda tracer, train, queries: tracer.influence(train, queries),
    "sum": lambda tracer, train, queries: tracer.influence(train, queries, reduce="sum"),
    "self": lambda tracer, train, _: tracer.self_influence(train),
}


@pytest.mark.parametrize("last_layer_only", [False, True])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("where", ["train", "queries"])
def test_data_that_cannot_be_used(
    training: Training, call: str, where: str, last_layer_only: bool
) -> None:
    if call == "self" and where == "queries":
        where = "train"
    tracer = Tracer(training.model, training.run, last_layer_only=last_layer_only, batch_size=3)
    data = {"train": training.train, "queries": training.queries}
    inputs, targets = data[where]
    for bad in (float("nan"), float("-inf")):
        spoilt = inputs.clone()
        spoilt[4, 0, 2, 2] = bad
        with pytest.raises(NotFiniteError) as caught:
            CALLS[call](tracer, *{**data, where: (spoilt, targets)}.values())
        assert str(caught.value) == (
            "expected finite inputs; got NaN or infinity in row 4; repair or remove that example"
        )
    with pytest.raises(DataError, match="expected at least one example; got none"):
        CALLS[call](tracer, *{**data, where: (inputs[:0], targets[:0])}.values())


@pytest.mark.parametrize("last_layer_only", [False, True])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("where", ["train", "queries"])
def test_a_loss_that_overflows_is_no_score(
    training: Training, call: str, where: str, last_layer_only: bool
) -> None:
    def overflows(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.square().sum(dim=1) * torch.where(targets == 77, torch.inf, 1.0)

    if call == "self":
        where = "train"
    tracer = Tracer(training.model, training.run, overflows, last_layer_only=last_layer_only)
    data = {"train": training.train, "queries": training.queries}
    inputs, targets = data[where]
    targets = targets.clone()
    targets[2] = 77
    with pytest.raises(NotFiniteError, match=r"expected finite \w+ at checkpoints/00000003\.saf"):
        CALLS[call](tracer, *{**data, where: (inputs, targets)}.values())


def _world(model: nn.Module) -> dict[str, Any]:
    return {
        "state": {name: value.clone() for name, value in model.state_dict().items()},
        "modes": [module.training for module in model.modules()],
        "requires_grad": [p.requires_grad for p in model.parameters()],
        "grad": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        "strides": [p.stride() for p in model.parameters()],
        "random": [random.getstate(), str(np.random.get_state())],  # noqa: NPY002
        "torch random": torch.get_rng_state(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "autograd": torch.is_grad_enabled(),
    }


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, Tensor):
        return isinstance(right, Tensor) and torch.equal(left, right)
    return bool(left == right)


def _lived_in(training: Training) -> nn.Module:
    model = copy.deepcopy(training.model).train()
    model.norm.eval()
    model.conv.bias.requires_grad_(False)
    for parameter in model.parameters():
        parameter.grad = None
    model.head.bias.grad = torch.ones(CLASSES, dtype=torch.float64)
    model.head.register_forward_hook(lambda *_: None)
    return model


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("last_layer_only", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_everything_is_left_as_found(
    training: Training, call: str, last_layer_only: bool, enabled: bool
) -> None:
    model = _lived_in(training)
    tracer = Tracer(model, training.run, last_layer_only=last_layer_only)
    expected = CALLS[call](tracer, training.train, training.queries)
    data_sets = [torch.utils.data.TensorDataset(*p) for p in (training.train, training.queries)]
    with torch.set_grad_enabled(enabled):
        before = _world(model)
        found = CALLS[call](tracer, *data_sets)
        assert _same(before, _world(model))
    assert torch.equal(found, expected)
    assert not found.requires_grad


@pytest.mark.parametrize("last_layer_only", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_everything_is_left_as_found_on_errors(
    training: Training, call: str, last_layer_only: bool
) -> None:
    model = _lived_in(training)
    calls = 0

    def breaks(outputs: Tensor, targets: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls >= 12:  # after the passes that see whether losses repeat
            raise ZeroDivisionError
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    tracer = Tracer(model, training.run, breaks, last_layer_only=last_layer_only, batch_size=2)
    before = _world(model)
    with pytest.raises(ZeroDivisionError):
        CALLS[call](tracer, training.train, training.queries)
    assert _same(before, _world(model))


def test_the_weights_of_the_callers_network_do_not_matter(training: Training) -> None:
    fresh = Network().double()
    torch.testing.assert_close(
        Tracer(fresh, training.run).self_influence(training.train),
        Tracer(training.model, training.run).self_influence(training.train),
        rtol=0,
        atol=0,
    )


@pytest.mark.parametrize("last_layer_only", [False, True])
@pytest.mark.parametrize("call", CALLS)
def test_in_inference_mode(training: Training, call: str, last_layer_only: bool) -> None:
    tracer = Tracer(training.model, training.run, last_layer_only=last_layer_only)
    expected = CALLS[call](tracer, training.train, training.queries)
    with torch.inference_mode():
        found = CALLS[call](tracer, training.train, training.queries)
        assert torch.is_inference_mode_enabled()
    assert torch.equal(found, expected)


def test_parameters_that_the_optimiser_held_but_never_trained(tmp_path: Path) -> None:
    """A frozen part in the optimiser's groups has no influence: it never moved."""
    model = Network()
    model.frozen.requires_grad_(False)
    names = tuple(name for name, _ in model.named_parameters())
    training = train_and_record(tmp_path / "run", model, groups=((names, 0.2),))
    assert not any(
        name.startswith("frozen") for name in training.run.summed_rates(training.run.checkpoints[0])
    )
    training.rates = [
        {name: rate for name, rate in rates.items() if not name.startswith("frozen")}
        for rates in training.rates
    ]
    expected = double_loop(training, training.train, training.queries)
    found = Tracer(model, training.run).influence(training.train, training.queries)
    torch.testing.assert_close(found, expected, **CLOSE)
