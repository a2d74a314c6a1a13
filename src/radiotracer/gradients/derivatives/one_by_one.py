"""``<g_i, v>`` by one ordinary backward pass per example: slow, and right wherever training was."""

from __future__ import annotations

import torch
from torch import Tensor

from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.precision import wide
from radiotracer.gradients.summed import gradient_at
from radiotracer.gradients.task import Batch


def one_by_one(
    objective: Objective, batch: Batch, point: Parameters, direction: Parameters
) -> tuple[Evaluation, Tensor]:
    """The forward pass at `point`, and ``<g_i, v>``, shape (n,), in the losses' dtype.

    Args:
        objective: Network and loss.
        batch: n examples; they are passed one at a time.
        point: Values for some or all of the network's parameters.
        direction: ``v``, over part of `point`.

    Raises:
        RuntimeError: An operation has no backward rule.
    """
    with torch.no_grad():
        evaluation = objective.evaluate(batch, point)
    slopes = []
    for row in range(len(batch)):
        gradient = gradient_at(objective, batch.take(slice(row, row + 1)), point, direction)
        slopes.append(_inner(gradient, direction))
    derivatives = torch.tensor(slopes, dtype=torch.float64).to(evaluation.losses.dtype)
    return evaluation, derivatives.to(evaluation.losses.device)


def _inner(gradient: Parameters, direction: Parameters) -> float:
    return sum(float((wide(part) * wide(direction[name])).sum()) for name, part in gradient.items())
