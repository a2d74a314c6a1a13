from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from gradient_helpers import (
    CASES,
    CLASSES,
    LOSSES,
    CalledTwice,
    N,
    brute_force,
    make,
    objective_of,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from radiotracer.gradients import (
    Batch,
    LastLayerGradients,
    LastLayerSum,
    Objective,
    last_layer_gradients,
    weighted_inner,
    weighted_square_norm,
)
from radiotracer.gradients.head import find_head

CLOSE = {"rtol": 1e-9, "atol": 1e-11}
HEADS = {
    "linear": "2",
    "conv": "head",
    "norms": "head",
    "tied": None,
    "called-twice": "head",
    "resnet18": "head",
    "resnet9": "head",
    "small-cnn": "head",
}


def factors(objective: Objective, batch: Batch, rates: dict[str, float]) -> LastLayerGradients:
    return last_layer_gradients(objective, objective.evaluate(batch), batch.targets, rates)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", [name for name, head in HEADS.items() if head])
def test_factors_give_the_heads_gradients(name: str, loss: str) -> None:
    model, batch = make(name)
    head = HEADS[name]
    objective = objective_of(model, batch, loss=LOSSES[loss], layers=[f"{head}.*"])
    rates = {f"{head}.weight": 0.3, f"{head}.bias": 0.07, "other": 5.0}
    expected = brute_force(objective, batch)
    half = Batch(batch.inputs[:3], batch.targets[:3])
    left, right = factors(objective, batch, rates), factors(objective, half, rates)
    first = {key: value[:3] for key, value in expected.items()}
    torch.testing.assert_close(left.inner(right), weighted_inner(expected, first, rates), **CLOSE)
    torch.testing.assert_close(left.square_norm(), weighted_square_norm(expected, rates), **CLOSE)
    torch.testing.assert_close(left.square_norm(), left.inner(left).diagonal(), **CLOSE)
    total = right.sum()
    torch.testing.assert_close(total.weight, first[f"{head}.weight"].sum(0), **CLOSE)
    torch.testing.assert_close(total.bias, first[f"{head}.bias"].sum(0), **CLOSE)
    torch.testing.assert_close(
        left.inner_with_sum(total + total), 2 * left.inner(right).sum(1), **CLOSE
    )
    assert not left.errors.requires_grad
    assert not left.features.requires_grad


def test_a_head_without_bias() -> None:
    _, batch = make("linear")
    model = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, CLASSES, bias=False)).double()
    objective = objective_of(model, batch, layers=["1.weight"])
    # A rate for a bias that is not there must not count.
    found = factors(objective, batch, {"1.weight": 0.3, "1.bias": 9.0})
    expected = weighted_square_norm(brute_force(objective, batch), {"1.weight": 0.3})
    torch.testing.assert_close(found.square_norm(), expected, **CLOSE)


@pytest.mark.parametrize("trained", ["weight", "bias"])
def test_a_part_that_was_not_trained_does_not_count(trained: str) -> None:
    model, batch = make("linear")
    objective = objective_of(model, batch, layers=[f"2.{trained}"])
    found = factors(objective, batch, {f"2.{trained}": 0.3})
    expected = weighted_square_norm(brute_force(objective, batch), {f"2.{trained}": 0.3})
    torch.testing.assert_close(found.square_norm(), expected, **CLOSE)


def test_products_are_double_whatever_the_network() -> None:
    model, batch = make("linear")
    objective = objective_of(model.float(), Batch(batch.inputs.float(), batch.targets))
    found = factors(
        objective, Batch(batch.inputs.float(), batch.targets), {"2.weight": 1.0, "2.bias": 1.0}
    )
    assert found.errors.dtype == torch.float32
    assert found.inner(found).dtype == found.square_norm().dtype == torch.float64
    assert isinstance(found.sum(), LastLayerSum)
    assert found.inner_with_sum(found.sum()).dtype == torch.float64


@pytest.mark.parametrize("name", CASES)
def test_the_head_is_found(name: str) -> None:
    model, batch = make(name)
    assert find_head(model.eval(), batch.inputs[:1]) == HEADS[name]
    objective = objective_of(model, batch)
    evaluation = objective.evaluate(batch)
    assert (evaluation.features is None) == (HEADS[name] is None)
    if objective.head is not None:
        assert evaluation.features is not None
        head = objective.model.get_submodule(objective.head)
        torch.testing.assert_close(head(evaluation.features), evaluation.outputs)


class Ends(nn.Module):
    """Two linear layers and an ending of one's choice."""

    def __init__(self, end: Callable[[Tensor], Tensor], width: int = 4) -> None:
        super().__init__()
        self.first = nn.Linear(4, width)
        self.last = nn.Linear(width, CLASSES)
        self.end = end

    def forward(self, inputs: Tensor) -> Tensor:
        return self.end(self.last(torch.tanh(self.first(inputs))))


class LateFirst(Ends):
    """Registered in another order than called."""

    def forward(self, inputs: Tensor) -> Tensor:
        return self.first(torch.tanh(self.last(inputs)))


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(torch.tanh(self.last(inputs)))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.last = nn.Linear(4, 4)
        self.last.weight = self.first.weight

    def forward(self, inputs: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(inputs)))


class Cosine(nn.Linear):
    def forward(self, inputs: Tensor) -> Tensor:
        return F.linear(inputs, F.normalize(self.weight), self.bias)


def _per_token() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Linear(2, 3))


@pytest.mark.parametrize(
    ("model", "head"),
    [
        (Ends(lambda z: z), "last"),
        (LateFirst(lambda z: z, width=4), None),
        (Ends(lambda z: z.view_as(z)), None),
        (Ends(lambda z: z.softmax(dim=1)), None),
        (Ends(lambda z: z * 1.0), None),
        # In place, the very tensor that the layer made comes out: with other numbers in it.
        (Ends(torch.relu_), None),
        (Ends(nn.ReLU(inplace=True)), None),
        (Ends(lambda z: z.div_(2)), None),
        (Ends(nn.Identity()), "last"),
        (Twice(), None),
        (Tied(), None),
        (nn.Sequential(nn.Linear(4, 4), Cosine(4, 3)), None),
        (nn.Sequential(nn.Linear(4, 4), parametrizations.weight_norm(nn.Linear(4, 3))), None),
        (nn.Sequential(nn.Linear(4, 4), parametrizations.spectral_norm(nn.Linear(4, 3))), None),
        (nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=1)), None),
        # Dropout hands its input on in evaluation mode.
        (nn.Sequential(nn.Linear(4, 3), nn.Dropout()), "0"),
        (nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 3))), "1.0"),
        (_per_token(), None),
    ],
)
def test_networks_with_and_without_a_head(model: nn.Module, head: str | None) -> None:
    if isinstance(model, LateFirst):
        model.last, model.first = nn.Linear(4, 4), nn.Linear(4, 3)
        head = "first"
    assert find_head(model.eval(), torch.randn(1, 4)) == head
    assert not any(module._forward_hooks for module in model.modules())


def test_a_frozen_network_and_inference_mode_have_heads_too() -> None:
    model = CalledTwice().eval().requires_grad_(False)
    assert find_head(model, torch.randn(1, 5)) == "head"
    with torch.inference_mode():
        assert find_head(model, torch.randn(1, 5)) == "head"


def test_rows_are_examples() -> None:
    model, batch = make("linear")
    found = factors(objective_of(model, batch), batch, {})
    assert found.errors.shape == (N, CLASSES)
    assert found.features.shape == (N, 6)
    assert not found.square_norm().any()
