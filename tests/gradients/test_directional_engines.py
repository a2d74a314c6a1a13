"""The slower engines, on every layer family and not only where they are needed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from gradient_helpers import CASES, N, all_along, make, objective_of, random_direction

from radiotracer.gradients import Batch, Objective, directional, summed_gradient
from radiotracer.gradients.derivatives.double_backward import double_backward
from radiotracer.gradients.derivatives.one_by_one import one_by_one

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


@pytest.mark.parametrize("engine", [double_backward, one_by_one])
@pytest.mark.parametrize("name", CASES)
def test_slower_engines_on_every_layer_family(name: str, engine: Any) -> None:
    model, batch = make(name)
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    evaluation, found = engine(objective, batch, objective.parameters(), direction)
    expected = all_along(objective, batch, [direction])[:, 0]
    torch.testing.assert_close(found, expected, **CLOSE)
    torch.testing.assert_close(evaluation.outputs, model.eval()(batch.inputs).detach(), **CLOSE)


@pytest.mark.parametrize("name", ["resnet18", "small-cnn"])
def test_channels_last(name: str) -> None:
    model, batch = make(name)
    layout = torch.channels_last
    images = Batch(batch.inputs.contiguous(memory_format=layout), batch.targets)
    objective = objective_of(model, images, memory_format=layout)
    direction = random_direction(objective)
    expected = all_along(objective, images, [direction])[:, 0]
    for engine in (double_backward, one_by_one):
        _, found = engine(objective, images, objective.parameters(), direction)
        torch.testing.assert_close(found, expected, **CLOSE)
    found = directional(objective, images, direction).derivatives
    torch.testing.assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize("frozen", [False, True])
def test_traced_parameters_that_nothing_uses(frozen: bool) -> None:
    model, batch = make("called-twice")
    objective = Objective.of(model, example=batch.inputs[:1], layers=["unused"])
    objective.model.requires_grad_(not frozen)
    direction = random_direction(objective)
    zeros = torch.zeros(N, dtype=torch.float64)
    for engine in (double_backward, one_by_one):
        _, found = engine(objective, batch, objective.parameters(), direction)
        assert torch.equal(found, zeros)
    assert torch.equal(directional(objective, batch, direction).derivatives, zeros)
    assert not summed_gradient(objective, [batch])["unused"].any()
