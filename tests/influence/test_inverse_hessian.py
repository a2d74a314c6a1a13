from __future__ import annotations

import random
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from influence_helpers import (
    CLASSES,
    QUERIES,
    TRAIN,
    Pair,
    Training,
    draw,
    train_and_record,
)
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from radiotracer.errors import InputError, NotFiniteError
from radiotracer.influence import Tracing, influence_functions, influence_functions_self
from radiotracer.runs import Run, record

# n times this has few binary digits: captum adds it in single precision.
DAMPING = 2.0**-5
CLOSE = {"rtol": 1e-7, "atol": 1e-12}


class Softmax(nn.Module):
    """Softmax regression: its Hessian has no negative direction, and flat ones."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(36, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(inputs.flatten(1))


def tracing_of(training: Training, **options: object) -> Tracing:
    return Tracing.of(training.model, training.run, training.train, **options)


def by_definition(
    training: Training, left: Pair, right: Pair, names: tuple[str, ...], *, positive: bool = False
) -> Tensor:
    """Equation 2 of Koh & Liang, times -1/n, with the Hessian in full."""
    model = type(training.model)().double().eval()
    model.load_state_dict(load_file(max((training.run.folder / "checkpoints").iterdir())))
    own = dict(model.named_parameters())
    sizes = [own[name].numel() for name in names]

    def losses(flat: Tensor, pair: Pair) -> Tensor:
        parts = [
            part.view_as(own[name]) for name, part in zip(names, flat.split(sizes), strict=True)
        ]
        outputs = functional_call(model, dict(zip(names, parts, strict=True)), (pair[0],))
        return F.cross_entropy(outputs, pair[1], reduction="none")

    def gradients(pair: Pair) -> Tensor:
        return jacrev(losses)(flat, pair)

    flat = torch.cat([own[name].detach().flatten() for name in names])
    damped = jacrev(grad(lambda flat: losses(flat, training.train).mean()))(flat)
    damped = damped + DAMPING * torch.eye(len(flat), dtype=torch.float64)
    values, vectors = torch.linalg.eigh(damped)
    if positive:
        kept = vectors[:, values > 1e-6]
        inverse = kept @ torch.diag(1 / values[values > 1e-6]) @ kept.T
    else:
        assert values.min() > 0
        inverse = torch.linalg.inv(damped)
    return gradients(left) @ inverse @ gradients(right).T / TRAIN


def test_softmax_regression_against_the_definition(tmp_path: Path) -> None:
    groups = ((("head.weight", "head.bias"), 0.3),)
    training = train_and_record(tmp_path / "run", Softmax(), groups=groups)
    names = ("head.weight", "head.bias")
    expected = by_definition(training, training.train, training.queries, names)
    found = influence_functions(
        tracing_of(training), training.train, training.queries, damping=DAMPING
    )
    assert found.dtype == torch.float64
    assert found.shape == (TRAIN, QUERIES)
    # Both signs occur, so a wrong sign could not pass.
    assert expected.min() < -1e-4
    assert expected.max() > 1e-4
    torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize("layers", [(), ("head.*",), ("conv.*", "norm.*")])
def test_a_network_with_batch_normalisation_against_the_definition(
    training: Training, layers: tuple[str, ...]
) -> None:
    tracing = tracing_of(training, layers=layers, batch_size=4)
    names = tracing.objective.traced
    assert len(names) == {0: 6, 1: 2, 2: 4}[len(layers)]
    expected = by_definition(training, training.train, training.queries, names, positive=True)
    found = influence_functions(tracing, training.train, training.queries, damping=DAMPING)
    torch.testing.assert_close(found, expected, **CLOSE)
    own = by_definition(training, training.train, training.train, names, positive=True)
    torch.testing.assert_close(
        influence_functions_self(tracing, training.train, damping=DAMPING), own.diagonal(), **CLOSE
    )


def test_the_prediction_against_training_again(tmp_path: Path) -> None:
    """Each example counts for a little more and the network is trained to its minimum again."""
    more = 1e-3
    inputs, labels = draw(40, seed=3)
    queries = draw(6, seed=5)

    class WithoutBias(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(36, CLASSES, bias=False)

        def forward(self, given: Tensor) -> Tensor:
            return self.head(given.flatten(1))

    def losses(weight: Tensor, pair: Pair) -> Tensor:
        return F.cross_entropy(pair[0].flatten(1) @ weight.T, pair[1], reduction="none")

    def minimum(favoured: int | None = None) -> Tensor:
        weight = torch.zeros(CLASSES, 36, dtype=torch.float64, requires_grad=True)
        times = torch.ones(40, dtype=torch.float64)
        if favoured is not None:
            times[favoured] += more
        optimizer = torch.optim.LBFGS(
            [weight],
            max_iter=500,
            tolerance_grad=1e-12,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

        def objective() -> Tensor:
            optimizer.zero_grad()
            mean = (times * losses(weight, (inputs, labels))).sum() / 40
            value = mean + DAMPING / 2 * weight.square().sum()
            value.backward()
            return value

        optimizer.step(objective)
        return weight.detach()

    model = WithoutBias().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with record(tmp_path / "run", model, optimizer, (inputs, labels)) as recording:
        for _ in recording.batches(DataLoader(TensorDataset(inputs, labels), batch_size=40)):
            model.head.weight.data = minimum()
            model(inputs).sum().mul(0).backward()
            optimizer.step()
    tracing = Tracing.of(model, Run.open(tmp_path / "run"), (inputs, labels))
    predicted = influence_functions(tracing, (inputs, labels), queries, damping=DAMPING)
    before = losses(minimum(), queries)
    lowered = torch.stack([before - losses(minimum(i), queries) for i in range(40)])
    error = (lowered / more - predicted).norm() / predicted.norm()
    assert error < 1e-2


def test_everything_is_left_as_found(training: Training) -> None:
    tracing = tracing_of(training)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    wanted = [p.requires_grad for p in training.model.parameters()]
    expected = influence_functions(tracing, training.train, training.queries)
    states = torch.get_rng_state(), random.getstate(), str(np.random.get_state())  # noqa: NPY002
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("error")
        found = influence_functions(tracing, training.train, training.queries)
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (random.getstate(), str(np.random.get_state()))  # noqa: NPY002
    assert torch.equal(found, expected)
    assert not found.requires_grad
    for name, value in training.model.state_dict().items():
        assert torch.equal(value, before[name])
    assert [p.requires_grad for p in training.model.parameters()] == wanted
    assert all(p.grad is None for p in tracing.objective.model.parameters())


def test_what_cannot_be_used(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    tracing, train, queries = tracing_of(training), training.train, training.queries
    with pytest.raises(InputError) as caught:
        influence_functions(tracing, train, queries, damping=0.0)
    assert str(caught.value) == "expected a positive damping; got 0.0; pass damping=1.0"
    with pytest.raises(NotFiniteError, match="NaN or infinity in row 3"):
        spoilt = queries[0].clone()
        spoilt[3] = torch.nan
        influence_functions(tracing, train, (spoilt, queries[1]))
    monkeypatch.setattr("radiotracer.influence.inverse_hessian.MAX_PARAMETERS", 50)
    with pytest.raises(InputError) as caught:
        influence_functions(tracing, train, queries)
    assert str(caught.value) == (
        "expected at most 50 traced parameters, to form their Hessian; got 63; "
        "trace fewer layers, such as layers=['head.*']"
    )


def test_a_loss_that_curves_downwards_everywhere(training: Training) -> None:
    def concave(outputs: Tensor, targets: Tensor) -> Tensor:
        return -outputs.square().sum(dim=1) - 0 * targets

    tracing = tracing_of(training, layers=["head.bias"], loss=concave)
    with pytest.raises(InputError, match=r"got none in any direction; pass a larger damping than"):
        influence_functions(tracing, training.train, training.queries)


def test_without_captum(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.influence", None)
    with pytest.raises(InputError) as caught:
        influence_functions(tracing_of(training), training.train, training.queries)
    assert str(caught.value) == (
        "expected captum, which forms and inverts the Hessian; got an environment without it; "
        'pip install "radiotracer[influence-functions]"'
    )
