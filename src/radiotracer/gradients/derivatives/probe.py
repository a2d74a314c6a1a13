"""Whether an engine's derivatives are those of ordinary backward passes, on a few examples.

A network can make an engine wrong without an error: a custom operation that loses tangents, a part
under `torch.no_grad` (which stops backward passes, but not forward mode), a hook that changes
gradients. What training did is defined by backward passes, so they decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from radiotracer.data.inputs import named, take
from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.precision import rounding as rounding_of
from radiotracer.gradients.precision import wide, widest
from radiotracer.gradients.revealing import revealing_point
from radiotracer.gradients.summed import gradient_at
from radiotracer.gradients.task import Batch

Engine = Callable[
    [Objective, Batch, Parameters, Parameters],
    tuple[Evaluation, Tensor],
]
"""Objective, batch, point and direction to the forward pass and ``<g_i, v>``, (n,)."""

EXAMPLES = 2


def is_right(engine: Engine, objective: Objective, batch: Batch) -> bool | None:
    """Whether the engine agrees with a backward pass on the batch's first examples.

    Mixed precision would hide small errors: the proof is in the precision of the weights, also for
    an objective that is used with less.

    The direction is made so that every parameter tensor adds about 1 unit to the derivative, unless
    its share of the gradient is near the rounding error: a small layer is not outshone by others.

    Returns:
        None where nothing can be told: the gradients are all zero, or not finite.
    """
    objective, few = objective.exact, _telling(batch)
    point = revealing_point(objective)
    gradient = gradient_at(objective, few, point, objective.traced)
    largest = max((float(wide(part).norm()) for part in gradient.values()), default=0.0)
    if not 0 < largest < float("inf"):
        return None
    rounding = max(rounding_of(value) for value in point.values())
    unit = math.sqrt(rounding) * largest
    direction = _direction(objective, gradient, unit)
    expected = sum(
        float((wide(part) * wide(direction[name])).sum()) for name, part in gradient.items()
    )
    found = float(engine(objective, few, point, direction)[1].sum(dtype=widest(objective.device)))
    # Rounding errors are independent, so they grow with the root of the number of terms. For small
    # residual, recurrent and attention networks they were 3 (half precision) to 10^3 times below.
    tolerance = 0.25 * math.sqrt(math.sqrt(rounding) * len(direction)) * unit
    return abs(found - expected) <= tolerance


def _telling(batch: Batch) -> Batch:
    """The first examples, each with the target of another one.

    What a network has learned by heart has a loss near 0, and in single precision its derivative is
    mostly rounding error, which differs from engine to engine. A wrong target makes it large.
    """
    targets = named(batch.targets).values()
    rows = range(min(EXAMPLES, len(batch)))
    others = [torch.stack([_differs(target, row) for target in targets]).any(dim=0) for row in rows]
    taken = [
        int(other.nonzero()[0]) if other.any() else row
        for row, other in zip(rows, others, strict=True)
    ]
    return Batch(take(batch.inputs, slice(len(rows))), take(batch.targets, taken))


def _differs(target: Tensor, row: int) -> Tensor:
    return (target != target[row]).reshape(len(target), -1).any(dim=1)


def _direction(objective: Objective, gradient: Parameters, unit: float) -> dict[str, Tensor]:
    """Along the gradient and, half as far, at random; shorter where the gradient is larger."""
    generator = torch.Generator().manual_seed(1)
    direction = {}
    for name, value in objective.parameters().items():
        chance = wide(torch.randn(value.shape, generator=generator).to(value.device))
        step = 0.5 * chance / chance.norm()
        size = 0.0
        if name in gradient:
            part = wide(gradient[name])
            size = float(part.norm())
            step = step + part / max(size, torch.finfo(part.dtype).tiny)
        direction[name] = (step * unit / max(size, unit)).to(value)
    return direction
