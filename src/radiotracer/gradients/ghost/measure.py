"""What detectors ask about each example, from one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from radiotracer.gradients.ghost.engine import totals, walk
from radiotracer.gradients.ghost.forms import Form
from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.task import Batch


@dataclass(frozen=True)
class Measured(Evaluation):
    """A forward pass of n examples, and their gradients' lengths and components; all float64.

    Args:
        along: ``<g_i, v_k>`` for each of K directions, shape (n, K).
        square_norm: ``||g_i||^2``, shape (n,).
        weighted_square_norm: ``sum_p w_p ||g_i^p||^2`` over parameters p, shape (n,).
    """

    along: Tensor
    square_norm: Tensor
    weighted_square_norm: Tensor


def measure(
    objective: Objective,
    batch: Batch,
    directions: Sequence[Parameters] = (),
    weights: Mapping[str, float] | None = None,
) -> Measured:
    """Norms, and components along directions, in one pass.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batch: n examples.
        directions: K of them, or none; one tensor for each traced parameter.
        weights: A factor for each parameter's part of the weighted norm; None for ones.
    """
    along, plain, weighted = totals(batch, len(directions)), totals(batch), totals(batch)

    def add(name: str, form: Form, rows: slice) -> None:
        norm = form.square_norm()
        plain[rows] += norm
        weighted[rows] += norm if weights is None else weights[name] * norm
        if directions:
            along[rows] += form.along(torch.stack([each[name] for each in directions]))

    seen = walk(objective, batch, add)
    return Measured(seen.losses, seen.outputs, seen.features, along, plain, weighted)
