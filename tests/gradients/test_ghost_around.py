"""Nothing is kept, nothing is changed, and nothing else makes a difference."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from typing import Any

import pytest
import torch
from ghost_helpers import (
    Net,
    Parts,
    check,
    linear,
    mixing,
    near,
    objective_for,
    seeded,
    tokens,
    true_gradients,
)
from gradient_helpers import kernel_settings, left_as_found, lived_in, make, objective_of
from test_ghost_uses import USES
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

from radiotracer.gradients import Batch
from radiotracer.gradients.ghost import inner, keep, plan_for, square_norm, walk


def otherwise_later(m: Any, x: Tensor) -> Tensor:
    return m.step(m.step(x)) if len(x) == 2 else x @ m.step.weight + m.step(x)


KEPT = {
    **{name: USES[name] for name in ("all of these", "derived twice", "input overwritten")},
    "einsum": mixing,
    "otherwise later": lambda: (Parts(otherwise_later, step=linear()), tokens()),
}


@pytest.mark.parametrize("raising", [False, True])
@pytest.mark.parametrize("name", KEPT)
def test_nothing_is_kept(name: str, raising: bool) -> None:
    """Without the help of the cycle collector, and when the network raises half-way."""
    alive: list[weakref.ref[Tensor]] = []
    fail = False

    def noting(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        alive.append(weakref.ref(output))
        if fail:
            raise KeyError("half-way")

    model, batch = seeded(KEPT[name])
    objective = objective_for(model, batch)
    for module in objective.model.modules():
        module.register_forward_hook(noting)
    plan_for(objective, batch)
    walk(
        objective, batch, lambda name, form, rows: None
    )  # what it finds out stays on the objective
    gc.collect()
    gc.disable()
    try:
        before = of_the_engine()
        alive.clear()
        for fail in (False, raising):
            try:
                walk(objective, batch, lambda name, form, rows: None)
            except KeyError:
                assert fail
        assert alive
        assert not [ref for ref in alive if ref() is not None]
        assert of_the_engine() == before
    finally:
        gc.enable()


def of_the_engine() -> int:
    """How many of its objects are alive."""
    kinds = Counter(map(type, gc.get_objects()))  # of a million objects there are few types
    return sum(count for kind, count in kinds.items() if "gradients.ghost" in str(kind.__module__))


def test_what_is_kept_holds_no_graph() -> None:
    model, batch = make("resnet18")
    objective = objective_of(model, batch)
    kept = keep(objective, batch)
    for parts in kept.forms.values():
        for _, form in parts:
            held = [value for value in vars(form).values() if isinstance(value, Tensor)]
            assert held
            assert not any(value.requires_grad for value in held)


class Stumbling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.stem = nn.Conv2d(2, 3, 3)
        self.head = nn.Linear(3, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        found = self.stem(inputs).mean(dim=(2, 3))
        if len(inputs) == 4:
            raise LookupError("four")
        return self.head(found)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_everything_is_left_as_found(mode: Any) -> None:
    model = lived_in(Stumbling().double())
    settings = kernel_settings()
    trained = {"stem.weight", "head.bias", "first.bias"}
    batch = Batch(torch.randn(6, 2, 5, 5).double(), torch.arange(6) % 3)
    objective = objective_of(model, batch, trained=trained)
    with left_as_found(model), left_as_found(objective.model), mode():
        inputs = batch.inputs + 0
        copy = inputs.clone()
        rates = dict.fromkeys(objective.traced, 1.0)
        norms = square_norm(objective, Batch(inputs, batch.targets), rates)
        products = inner(objective, batch, keep(objective, batch), rates)
        with pytest.raises(LookupError, match="four"):
            square_norm(objective, Batch(inputs[:4], batch.targets[:4]), rates)
        assert torch.equal(square_norm(objective, batch, rates), norms)
        assert torch.equal(inputs, copy)
    assert norms.dtype == torch.float64
    near(products.diagonal(), norms)
    assert _get_current_function_mode_stack() == []
    assert kernel_settings() == settings
    truth = true_gradients(objective, batch)
    near(norms, sum(value.flatten(1).square().sum(dim=1) for value in truth.values()))


def test_the_forward_pass_is_the_network_s() -> None:
    model, batch = make("small-cnn")
    objective = objective_of(model, batch)
    seen = walk(objective, batch, lambda name, form, rows: None)
    plainly = objective.evaluate(batch)
    for found, expected in zip(vars(seen).values(), vars(plainly).values(), strict=True):
        near(found, expected)
        assert not found.requires_grad


def test_order_and_company_make_no_difference() -> None:
    model, batch = make("norms")
    objective = objective_of(model, batch)
    rates = dict.fromkeys(objective.traced, 0.5)
    norms = square_norm(objective, batch, rates)
    order = torch.tensor([3, 1, 6, 0, 2, 5, 4])
    turned = square_norm(objective, Batch(batch.inputs[order], batch.targets[order]), rates)
    near(turned, norms[order])
    for row in range(2):
        one = Batch(batch.inputs[row : row + 1], batch.targets[row : row + 1])
        near(square_norm(objective, one, rates), norms[row : row + 1])


@pytest.mark.parametrize("name", ["norms", "tied", "called-twice", "resnet18", "small-cnn"])
def test_networks_and_some_of_their_layers(name: str) -> None:
    model, batch = make(name)
    check(objective_of(model, batch), batch)
    some = [key for number, (key, _) in enumerate(model.named_parameters()) if number % 2]
    check(objective_of(model, batch, layers=some), batch)
    next(model.parameters()).requires_grad_(False)
    check(
        objective_of(
            model, batch, trained={key for key, p in model.named_parameters() if p.requires_grad}
        ),
        batch,
    )


class Einsum(nn.Module):
    """Has no rule."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.einsum("ntd,do->nto", inputs, self.weight)


LOW = {
    "attention": lambda: nn.TransformerEncoderLayer(4, 2, 6, batch_first=True),
    "dense": Einsum,
    "weight norm": lambda: nn.utils.parametrizations.weight_norm(linear()),
}


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 1e-4), (torch.bfloat16, 0.1), (torch.float16, 0.01)],
)
@pytest.mark.parametrize("name", ["norms", "small-cnn", "called-twice", *LOW])
def test_lower_precision(name: str, dtype: torch.dtype, tolerance: float) -> None:
    if name in LOW:
        model, batch = seeded(lambda: (Net(LOW[name](), linear()), tokens()))
        objective = objective_for(model, batch)
        low = Batch(batch.inputs.to(dtype), batch.targets.to(dtype))
        lower = objective_for(model.to(dtype), low)
    else:
        model, batch = make(name)
        objective = objective_of(model, batch)
        low = Batch(batch.inputs.to(dtype), batch.targets)
        lower = objective_of(model.to(dtype), low)
    dense = ["layer.weight"] if name == "dense" else []
    truth = true_gradients(objective, batch)
    forms = check(lower, low, dense=dense, tolerance=tolerance, truth=truth)
    assert {form.full().dtype for parts in forms.values() for _, form in parts} == {torch.float32}
