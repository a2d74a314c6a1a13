"""What rules are compared with: ordinary backward passes of two examples, where they show most."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.gradients.ghost.forms import Form
from radiotracer.gradients.memory import is_out_of_memory
from radiotracer.gradients.objective import Evaluation, Objective
from radiotracer.gradients.summed import gradient_at
from radiotracer.gradients.task import Batch


class Truth:
    """Losses and gradients of two examples, by one ordinary backward pass for each.

    Args:
        objective: Network and loss.
        point: Values of all the network's parameters.
        probe: The examples.
    """

    def __init__(self, objective: Objective, point: Mapping[str, Tensor], probe: Batch) -> None:
        losses: list[Tensor] = []

        def watch(_: Batch, evaluation: Evaluation) -> None:
            losses.append(evaluation.losses.detach())

        ones = [probe.take(slice(i, i + 1)) for i in range(2)]
        try:
            rows = [gradient_at(objective, one, point, objective.traced, watch) for one in ones]
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise InputError(
                expected="a network and a loss that can be differentiated",
                came=first_line(error),
                do="change the operation that is named",
            ) from error
        self.losses = torch.cat(losses)
        self.gradients = {
            name: torch.stack([row.get(name, torch.zeros_like(point[name])) for row in rows])
            for name in objective.traced
        }
        # Those that the losses do not depend on, which is more than a gradient of zero.
        self.idle = {name for name in objective.traced if not any(name in row for row in rows)}
        self.silent = {
            name
            for name, found in self.gradients.items()
            if name not in self.idle and not (found.isfinite().all() and found.any())
        }
        sizes = (float(each.abs().max()) for each in self.gradients.values())
        self.scale = max((size for size in sizes if math.isfinite(size)), default=0.0)

    def agrees(self, name: str, form: Form | None) -> bool:
        """Whether these are the parameter's gradients."""
        truth = self.gradients[name]
        if form is None:
            return not truth.any()
        try:
            found = form.full()
        except RuntimeError:
            return False
        if found.shape != truth.shape:
            return False
        # A parameter that hardly matters has its gradient drowned in the others' rounding.
        size = max(float(truth.abs().max()), 1e-3 * self.scale)
        return bool(((found - truth).abs() <= _tolerance(truth) * size).all())

    def agrees_on_losses(self, losses: Tensor) -> bool:
        """Whether these are the losses."""
        size = float(self.losses.abs().max())
        return bool(((losses - self.losses).abs() <= _tolerance(losses) * max(1.0, size)).all())


def first_line(error: Exception) -> str:
    """What was raised, in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _tolerance(value: Tensor) -> float:
    """How far right gradients may be from each other, relative to the largest."""
    return {8: 1e-8, 4: 1e-3}.get(value.element_size(), 5e-2)
