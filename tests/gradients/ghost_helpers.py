"""Ghost results against one backward pass per example, for any network and any loss."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from gradient_helpers import brute_force, random_direction
from torch import Tensor, nn

from radiotracer.gradients import Batch, Objective
from radiotracer.gradients.ghost import Form, along, inner, keep, plan_for, square_norm, walk

EXACT = 1e-10
N = 5


def curved(outputs: Tensor, targets: Tensor) -> Tensor:
    """A loss for outputs of any shape (n, ...), in which every number counts."""
    flat = outputs.flatten(1)
    places = torch.linspace(0.5, 1.5, flat.shape[1], dtype=flat.dtype)
    return ((flat * places + targets[:, None]).sin() * places).sum(dim=1)


class Net(nn.Module):
    """Something learnt before a layer, where it is asked for, and what the layer returns first."""

    def __init__(self, layer: Callable[..., Any], before: nn.Module | None = None) -> None:
        super().__init__()
        self.before = before
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        found = self.layer(inputs if self.before is None else self.before(inputs))
        return found[0] if isinstance(found, tuple) else found


class Parts(nn.Module):
    """Some layers, and how they are called."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.how = forward
        for name, part in parts.items():
            setattr(self, name, nn.Parameter(part) if isinstance(part, Tensor) else part)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.how(self, inputs)


def tokens(count: int = 4, width: int = 4) -> Tensor:
    return torch.randn(N, count, width)


def linear(**options: Any) -> nn.Linear:
    return nn.Linear(4, 4, **options)


class Scale(torch.autograd.Function):
    """A function that torch's operations do not show."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(values, weight)
        return values * weight

    @staticmethod
    def backward(ctx: Any, errors: Tensor) -> tuple[Tensor, Tensor]:
        values, weight = ctx.saved_tensors
        return errors * weight, (errors * values).flatten(0, -2).sum(dim=0)


def mixing() -> tuple[nn.Module, Tensor]:
    def forward(m: Any, x: Tensor) -> Tensor:
        return m.last(torch.einsum("ntd,de->nte", m.first(x), m.mix).sin())

    return Parts(forward, first=linear(), mix=torch.randn(4, 4), last=linear()), tokens()


def settled(model: nn.Module) -> nn.Module:
    """In double precision, with weights and statistics far from those of a new network."""
    model.double().train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
        for key, buffer in model.named_buffers():
            if key.endswith("running_var"):
                buffer.uniform_(0.5, 2)
            elif key.endswith("running_mean"):
                buffer.normal_()
    return model


def batch_of(inputs: Tensor) -> Batch:
    return Batch(inputs, torch.linspace(-1, 1, len(inputs), dtype=torch.float64))


def objective_for(model: nn.Module, batch: Batch, **options: Any) -> Objective:
    return Objective.of(model, **{"loss": curved, "example": batch.inputs[:1], **options})


def true_gradients(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    with asking(objective.model):
        return brute_force(objective, batch)


@contextmanager
def asking(model: nn.Module) -> Iterator[None]:
    """The private copy's weights ask for gradients."""
    before = {p: p.requires_grad for p in model.parameters()}
    model.requires_grad_(True)
    try:
        yield
    finally:
        for parameter, wanted in before.items():
            parameter.requires_grad_(wanted)


def forms_of(objective: Objective, batch: Batch) -> dict[str, list[tuple[slice, Form]]]:
    forms: dict[str, list[tuple[slice, Form]]] = {}
    walk(objective, batch, lambda name, form, rows: forms.setdefault(name, []).append((rows, form)))
    return forms


def rates_of(objective: Objective) -> dict[str, float]:
    return {name: 0.3 + 0.2 * (number % 7) for number, name in enumerate(objective.traced)}


def near(found: Tensor, expected: Tensor, tolerance: float = EXACT) -> None:
    assert found.shape == expected.shape
    size = float(expected.abs().max()) if expected.numel() else 0.0
    error = float((found.double() - expected.double()).abs().max()) if expected.numel() else 0.0
    assert error <= tolerance * size, f"off by {error:.1e} of {size:.1e}"


def weighted(left: dict[str, Tensor], right: dict[str, Tensor], rates: dict[str, float]) -> Tensor:
    return sum(
        rates[name] * left[name].double().flatten(1) @ right[name].double().flatten(1).T
        if left[name].dim() > 1
        else rates[name] * left[name].double()[:, None] @ right[name].double()[None]
        for name in left
    )


def check(
    objective: Objective,
    batch: Batch,
    *,
    queries: int = 3,
    dense: Collection[str] = (),
    tolerance: float = EXACT,
    truth: dict[str, Tensor] | None = None,
) -> dict[str, list[tuple[slice, Form]]]:
    """Everything the ghost engine says about a batch, and which parameters it says it by rules."""
    few = Batch(batch.inputs[-queries:], batch.targets[-queries:])
    rates = rates_of(objective)
    truth = true_gradients(objective, batch) if truth is None else truth
    assert sorted(plan_for(objective, batch).dense) == sorted(dense)
    products = weighted(truth, {name: value[-queries:] for name, value in truth.items()}, rates)
    norms = sum(
        rates[name] * value.double().flatten(1).square().sum(dim=1)
        for name, value in ((name, value.reshape(len(value), -1)) for name, value in truth.items())
    )
    near(square_norm(objective, batch, rates), norms, tolerance)
    near(inner(objective, batch, keep(objective, few), rates), products, tolerance)
    for count in (1, 3):
        directions = [random_direction(objective, seed) for seed in range(count)]
        slopes = torch.stack([_along(truth, direction) for direction in directions], dim=1)
        near(along(objective, batch, directions)[1], slopes, tolerance)
    forms = forms_of(objective, batch)
    scale = max(float(value.abs().max()) for value in truth.values())
    for name, value in truth.items():
        if name not in forms:
            assert not value.any(), f"{name} was left out"
            continue
        for rows, form in forms[name]:
            _same(form.full(), value[rows], scale * tolerance)
            _same(form.take(slice(-2, None)).full(), value[rows][-2:], scale * tolerance)
            assert len(form) == len(value[rows])
    return forms


def _same(found: Tensor, expected: Tensor, allowed: float) -> None:
    assert found.shape == expected.shape
    if expected.numel():
        assert float((found.double() - expected.double()).abs().max()) <= allowed


def _along(gradients: dict[str, Tensor], direction: dict[str, Tensor]) -> Tensor:
    return sum(
        value.double().reshape(len(value), -1) @ direction[name].double().flatten()
        for name, value in gradients.items()
    )


def seeded(build: Callable[[], tuple[nn.Module, Tensor]]) -> tuple[nn.Module, Batch]:
    """A network and a batch from a function that draws random numbers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, inputs = build()
        return settled(model), batch_of(inputs.double() if inputs.is_floating_point() else inputs)


def names(model: nn.Module, *prefixes: str) -> Sequence[str]:
    return [name for name, _ in model.named_parameters() if name.startswith(prefixes)]
