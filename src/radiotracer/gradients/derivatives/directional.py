"""How fast each example's loss changes along a direction, for a whole batch at once.

For losses ``l_i(theta)`` with gradients ``g_i`` and a direction ``v`` in parameter space, this is
``<g_i, v>``. Forward mode gives it in one pass, without any per-example gradient; where a network
has operations that forward mode cannot do, slower routes give the same (`routes.py`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.gradients.derivatives.routes import Route, derivatives_by_route
from radiotracer.gradients.ghost import along
from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.task import Batch


@dataclass(frozen=True)
class Directional(Evaluation):
    """A forward pass together with derivatives.

    Args:
        derivatives: ``<g_i, v>``, shape (n,); of K directions ``<g_i, v_k>``, shape (n, K).
        route: How they were computed, and why that way.
    """

    derivatives: Tensor
    route: Route


def directional(objective: Objective, batch: Batch, direction: Parameters) -> Directional:
    """``<g_i, v>`` for every example of the batch, and the forward pass that it took.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batch: n examples.
        direction: ``v``: one tensor for each traced parameter, of its shape and dtype.

    Returns:
        Derivatives of shape (n,): positive where a small step along ``+v`` raises the loss.

    Raises:
        InputError: The direction does not fit, or the network cannot be differentiated.
    """
    # The caller may be in inference mode, where nothing can be differentiated backwards.
    with torch.inference_mode(False):
        traced = _of_traced(objective, direction)
        evaluation, derivatives, route = derivatives_by_route(objective, batch.ordinary(), traced)
    return _with(evaluation, derivatives, route)


def directional_many(
    objective: Objective, batch: Batch, directions: Sequence[Parameters]
) -> Directional:
    """``<g_i, v_k>`` for every example of the batch and each of K directions.

    Several directions share one forward and one backward pass through the ghost engine, and cost
    about one forward pass each on top.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batch: n examples.
        directions: K of them, at least one; each as in `directional`.

    Returns:
        Derivatives of shape (n, K); column k is `directional` of ``directions[k]``.

    Raises:
        InputError: There is no direction, one does not fit, or the network cannot be
            differentiated.
    """
    if not directions:
        raise InputError(expected="at least one direction", came="none", do="pass one or more")
    if len(directions) == 1:
        only = directional(objective, batch, directions[0])
        return dataclasses.replace(only, derivatives=only.derivatives.unsqueeze(1))
    with torch.inference_mode(False):
        traced = [_of_traced(objective, direction) for direction in directions]
        evaluation, derivatives = along(objective, batch.ordinary(), traced)
    return _with(
        evaluation, derivatives, Route("ghost", "several directions share a backward pass")
    )


def _with(evaluation: Evaluation, derivatives: Tensor, route: Route) -> Directional:
    return Directional(
        losses=evaluation.losses,
        outputs=evaluation.outputs,
        features=evaluation.features,
        derivatives=derivatives,
        route=route,
    )


def _of_traced(objective: Objective, direction: Parameters) -> dict[str, Tensor]:
    """The direction's part over the traced parameters, which must be whole."""
    part = {}
    for name, value in objective.parameters().items():
        tangent = direction.get(name)
        if tangent is None or tangent.shape != value.shape or tangent.dtype != value.dtype:
            raise InputError(
                expected=f"a direction with {name} of {_kind(value)}",
                came="none" if tangent is None else _kind(tangent),
                do="give one tensor for each traced parameter, of its shape and dtype",
            )
        part[name] = _ordinary(tangent.detach())
    return part


def _kind(value: Tensor) -> str:
    return f"shape {tuple(value.shape)}, {str(value.dtype).removeprefix('torch.')}"


def _ordinary(value: Tensor) -> Tensor:
    """Tensors made in inference mode cannot take part in backward passes; copies of them can."""
    return value.clone() if value.is_inference() else value
