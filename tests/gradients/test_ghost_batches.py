"""Batches unlike the first: other lengths, other sizes, other operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from ghost_helpers import (
    N,
    Parts,
    Scale,
    batch_of,
    check,
    linear,
    objective_for,
    seeded,
    tokens,
)
from test_ghost_uses import USES, examples_innermost, mixed, tokens_then_examples
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.gradients import Batch


def branching(m: Any, x: Tensor) -> Tensor:
    """What is done depends on the first number of the batch."""
    kind = int(x[0, 0, 0])
    values = x[:, :, 1:]
    if kind == 0:
        return m.step(values) + m.shift
    if kind == 1:  # The same operation, with tokens first.
        return m.step(values.transpose(0, 1)).transpose(0, 1) + m.shift
    if kind == 2:  # Another operation, and one of more uses.
        return values @ m.step.weight + m.step(values) * m.shift
    if kind == 3:  # Nothing that torch shows, after a use that it does.
        return Scale.apply(m.step(values) + m.shift, m.shift)
    if kind == 4:  # A parameter that was not used before.
        return m.other(m.step(values)) + m.shift
    if kind == 5:  # Copies that do not fit.
        return m.step(values).transpose(0, 1).add(m.shift[None, None]).transpose(0, 1)
    if kind == 6:  # Through another function of the parameter.
        return F.linear(values, m.step.weight * 2, m.step.bias) + m.shift.exp()
    return m.other(values.detach()).detach() + m.shift  # Nearly nothing.


@pytest.mark.parametrize("kind", range(8))
@pytest.mark.parametrize("first", [0, 1, 2, 4, 6])
def test_later_batches_may_do_otherwise(first: int, kind: int) -> None:
    """Later batches fall back where they must; what was found out first stays."""

    def build() -> tuple[nn.Module, Tensor]:
        return (
            Parts(branching, step=linear(), other=linear(), shift=torch.randn(4)),
            tokens(4, 5),
        )

    model, batch = seeded(build)
    objective = objective_for(model, batch)
    for value in (first, kind, first):
        inputs = batch.inputs.clone()
        inputs[:, 0, 0] = value
        check(objective, Batch(inputs, batch.targets))


def test_a_partner_that_fails_later() -> None:
    """What is made from two parameters is still the other's when one of them is used otherwise."""

    def forward(m: Any, x: Tensor) -> Tensor:
        found = F.linear(x, m.step.weight * m.gain[:, None])
        return found if x[0, 0, 0] < 9 else Scale.apply(found, m.gain)

    model, batch = seeded(lambda: (Parts(forward, step=linear(), gain=torch.randn(4)), tokens()))
    objective = objective_for(model, batch)
    check(objective, batch)
    batch.inputs[:, 0, 0] = 10
    check(objective, batch)


def test_another_operation_proves_nothing() -> None:
    """With as many tokens as examples, nothing but its name tells where its examples are."""

    def forward(m: Any, x: Tensor) -> Tensor:
        if x[0, 0, 0] < 9:
            return m.step(x)
        return (x.transpose(0, 1) @ m.step.weight).transpose(0, 1)

    model, batch = seeded(lambda: (Parts(forward, step=linear()), tokens(N)))
    objective = objective_for(model, batch)
    check(objective, batch)
    batch.inputs[:, 0, 0] = 10
    check(objective, batch)


@pytest.mark.parametrize("counts", [(4, 5, 2, 1, 7), (1, 4), (2, 3), (N, 2)])
@pytest.mark.parametrize("how", [tokens_then_examples, examples_innermost, mixed])
def test_sequences_of_any_length(how: Callable[..., Tensor], counts: tuple[int, ...]) -> None:
    model, _ = seeded(lambda: (Parts(how, step=linear()), tokens()))
    objective = objective_for(model, batch_of(torch.randn(1, 4, 4, dtype=torch.float64)))
    for count in counts:
        check(objective, batch_of(torch.randn(N, count, 4, dtype=torch.float64)))


@pytest.mark.parametrize("sizes", [(1, 4, 7), (7, 1), (4, 1, 2, 3)])
@pytest.mark.parametrize("name", ["all of these", "frames", "tied and turned", "derived twice"])
def test_batches_of_any_size(name: str, sizes: tuple[int, ...]) -> None:
    """Of as many examples as there are tokens or channels, too; the first may be of one."""
    model, batch = seeded(USES[name])
    objective = objective_for(model, batch)
    for size in sizes:
        inputs = torch.cat([batch.inputs, batch.inputs.flip(0)])[:size]
        check(objective, batch_of(inputs), queries=1)
