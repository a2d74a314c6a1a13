from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gradient_helpers import (
    CASES,
    CLASSES,
    N,
    along,
    brute_force,
    left_as_found,
    lived_in,
    make,
    objective_of,
    random_direction,
    same,
    world,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from radiotracer.errors import DataError, InputError, NotFiniteError, RunError
from radiotracer.gradients import (
    Batch,
    Objective,
    count,
    cross_entropy,
    directional,
    first_input,
    in_batches,
    per_example_gradients,
    square_norm,
    summed_gradient,
)
from radiotracer.runs import load_weights, save_weights
from radiotracer.runs.weights import weights_of


def test_cross_entropy_is_in_nats_and_per_example() -> None:
    outputs = torch.tensor([[0.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    expected = torch.tensor([2.0, 1 + torch.e**-3], dtype=torch.float64).log()
    torch.testing.assert_close(cross_entropy(outputs, torch.tensor([1, 0])), expected)


@pytest.mark.parametrize("name", CASES)
def test_the_callers_network_is_left_as_found(name: str) -> None:
    model, batch = make(name)
    lived_in(model)
    with left_as_found(model):
        objective = objective_of(model, batch, memory_format=torch.preserve_format)
        directional(objective, batch, random_direction(objective))
        summed_gradient(objective, [batch])
        per_example_gradients(objective, batch)
        objective.load(
            {k: v + 1 for k, v in model.state_dict().items() if v.is_floating_point()}
            | {k: v for k, v in model.state_dict().items() if not v.is_floating_point()}
        )


def test_channels_last_is_for_the_copy_alone() -> None:
    model, batch = make("conv")
    with left_as_found(model):
        objective = objective_of(model, batch, memory_format=torch.channels_last)
    weight = objective.model.get_parameter("layers.0.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)
    direction = random_direction(objective)
    torch.testing.assert_close(
        directional(objective, batch, direction).derivatives,
        along(brute_force(objective, batch), direction),
        rtol=1e-9,
        atol=1e-11,
    )


def test_left_as_found_when_an_engine_fails_midway() -> None:
    model, batch = make("norms")
    lived_in(model)
    broken = False

    def breaks(outputs: Tensor, targets: Tensor) -> Tensor:
        if broken:
            raise ZeroDivisionError
        return cross_entropy(outputs, targets)

    with left_as_found(model):
        objective = objective_of(model, batch, loss=breaks)
        for engine in (
            lambda: directional(objective, batch, random_direction(objective)),
            lambda: summed_gradient(objective, [batch]),
            lambda: per_example_gradients(objective, batch),
            lambda: square_norm(objective, batch, dict.fromkeys(objective.traced, 1.0)),
        ):
            broken = False
            engine()
            broken = True
            with pytest.raises(ZeroDivisionError):
                engine()
            # Nor does the private copy keep anything of the failure.
            assert not any(m._forward_pre_hooks for m in objective.model.modules())


def test_left_as_found_when_the_network_refuses_the_example() -> None:
    model, _ = make("conv")
    lived_in(model)
    with left_as_found(model), pytest.raises(RuntimeError):
        Objective.of(model, example=torch.zeros(1, 5))


def test_the_snapshot_sees_every_kind_of_change() -> None:
    model, _ = make("small-cnn")
    for disturb in (
        lambda: model.features[1].running_mean.add_(1),
        model.head.eval,
        lambda: model.head.bias.requires_grad_(False),
        lambda: setattr(model.head.bias, "grad", torch.ones(CLASSES, dtype=torch.float64)),
        lambda: model.head.register_forward_pre_hook(lambda *_: None),
        lambda: torch.rand(1),
        lambda: model.to(memory_format=torch.channels_last),
        lambda: setattr(model, "note", 1),
    ):
        before = world(model)
        assert same(before, world(model))
        disturb()
        assert not same(before, world(model))


def test_objectives_are_in_evaluation_mode() -> None:
    model, batch = make("norms")
    objective = objective_of(model.train(), batch)
    assert not any(module.training for module in objective.model.modules())


def test_parameters_are_detached_and_follow_the_checkpoint(tmp_path: Path) -> None:
    model, batch = make("norms")
    objective = objective_of(model, batch)
    other, _ = make("norms", seed=5)
    path = tmp_path / "w.safetensors"
    objective.load(load_weights(path, save_weights(weights_of(other), path)))
    for name, value in objective.parameters().items():
        assert torch.equal(value, other.get_parameter(name))
        assert not value.requires_grad
    torch.testing.assert_close(
        objective.evaluate(batch).outputs, other.eval()(batch.inputs), rtol=0, atol=0
    )
    with pytest.raises(RunError, match=r"head.bias missing from the checkpoint"):
        objective.load({k: v for k, v in other.state_dict().items() if k != "head.bias"})


def test_a_pattern_without_a_match() -> None:
    model, batch = make("linear")
    with pytest.raises(InputError) as caught:
        objective_of(model, batch, layers=["2.*", "head.*"])
    assert str(caught.value) == (
        "expected layer patterns that match trained parameters; got 'head.*', which matches none "
        "of 0.weight, 0.bias, 2.weight, 2.bias, …; name parameters or patterns such as 'head.*'"
    )
    # What was not trained cannot be matched either.
    with pytest.raises(InputError, match=r"'2\.\*', which matches none of 0\.weight, …"):
        objective_of(model, batch, trained={"0.weight"}, layers=["2.*"])


def test_nothing_trained() -> None:
    model, batch = make("linear")
    with pytest.raises(InputError) as caught:
        objective_of(model, batch, trained={"elsewhere"})
    assert str(caught.value) == (
        "expected a network with trained parameters; got none that the run's optimiser trained; "
        "pass the network that was recorded"
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_that_is_not_per_example(reduction: str) -> None:
    model, batch = make("linear")
    objective = objective_of(
        model, batch, loss=lambda z, y: F.cross_entropy(z, y, reduction=reduction)
    )
    message = (
        "expected a loss per example, shape (7,); got shape (); use reduction='none' in the loss"
    )
    for engine in (
        lambda: objective.evaluate(batch),
        lambda: directional(objective, batch, random_direction(objective)),
        lambda: summed_gradient(objective, [batch]),
    ):
        with pytest.raises(InputError) as caught:
            engine()
        assert str(caught.value) == message
    with pytest.raises(InputError, match=r"shape \(1,\); got shape \(\)"):
        per_example_gradients(objective, batch)


def test_a_loss_with_a_number_per_output() -> None:
    model, batch = make("linear")
    objective = objective_of(model, batch, loss=lambda z, _: z.square())
    with pytest.raises(InputError, match=r"shape \(7,\); got shape \(7, 3\); use reduction"):
        objective.evaluate(batch)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.SyncBatchNorm])
def test_batch_statistics_are_refused(kind: type[nn.BatchNorm1d]) -> None:
    # Without running statistics, evaluation mode normalises by the batch at hand.
    model = nn.Sequential(nn.Linear(4, 5), kind(5, track_running_stats=False), nn.Linear(5, 3))
    with pytest.raises(InputError) as caught:
        Objective.of(model, example=torch.randn(1, 4))
    assert str(caught.value) == (
        "expected batch normalisation with running statistics; got 1 with "
        "track_running_stats=False, where an example's loss depends on its batch; "
        "train with track_running_stats=True or another normalisation"
    )


X, Y = torch.randn(N, 4), torch.arange(N) % CLASSES


@pytest.mark.parametrize("size", [1, 3, N, 100])
@pytest.mark.parametrize("data", [(X, Y), TensorDataset(X, Y)], ids=["pair", "data set"])
def test_batches_are_in_order(data: tuple[Tensor, Tensor] | TensorDataset, size: int) -> None:
    before = torch.get_rng_state()
    batches = list(in_batches(data, size))
    assert torch.equal(torch.cat([batch.inputs for batch in batches]), X)
    assert torch.equal(torch.cat([batch.targets for batch in batches]), Y)
    assert [len(batch.inputs) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert count(data) == N
    assert torch.equal(first_input(data), X[:1])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("shape", [(N,), (N, 4), (N, 2, 2, 1)])
def test_inputs_that_are_not_finite(shape: tuple[int, ...], size: int, bad: float) -> None:
    inputs = torch.zeros(shape)
    inputs[5] = bad
    with pytest.raises(NotFiniteError) as caught:
        list(in_batches((inputs, Y), size))
    assert str(caught.value) == (
        "expected finite inputs; got NaN or infinity in row 5; repair or remove that example"
    )


def test_data_that_cannot_be_used() -> None:
    with pytest.raises(DataError) as caught:
        list(in_batches((X[:0], Y[:0]), 3))
    assert str(caught.value) == "expected at least one example; got none; check the data"
    with pytest.raises(DataError) as caught:
        list(in_batches((X, Y[:5]), 3))
    assert str(caught.value) == (
        "expected one target for each input; got 7 inputs and 5 targets; check the data"
    )


def test_targets_keep_their_rows() -> None:
    model, batch = make("linear")
    objective = objective_of(model, batch)
    losses = [
        objective.evaluate(part).losses for part in in_batches((batch.inputs, batch.targets), 2)
    ]
    whole = objective.evaluate(Batch(batch.inputs, batch.targets)).losses
    torch.testing.assert_close(torch.cat(losses), whole)
