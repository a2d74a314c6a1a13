"""``<g_i, v>`` for a batch by reverse mode alone: a backward pass through a backward pass.

The gradient of the weighted loss ``sum_i w_i l_i`` is ``G(w) = sum_i w_i g_i``, and ``<G(w), v>``
is linear in the weights:

    d <G(w), v> / d w_i  =  <g_i, v>

so it takes one backward pass whose graph is kept, and a short one through it.
Only the backward rules of the network's operations are needed, and they must be differentiable in
the gradient that they are given. Where one is not, torch mostly leaves its part out without a word,
even if it is marked by `once_differentiable`: check the result on an example.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from radiotracer.gradients.holding import holding_for_backward
from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.task import Batch


def double_backward(
    objective: Objective, batch: Batch, point: Parameters, direction: Parameters
) -> tuple[Evaluation, Tensor]:
    """The forward pass at `point`, and ``<g_i, v>``, shape (n,), in the losses' dtype.

    Args:
        objective: Network and loss.
        batch: n examples.
        point: Values for some or all of the network's parameters.
        direction: ``v``, over part of `point`.

    Raises:
        RuntimeError: An operation's backward rule is missing, or known not to be differentiable.
    """
    with torch.enable_grad():
        leaves = {name: point[name].detach().requires_grad_() for name in direction}
        held = {**point, **leaves}

        def differentiate() -> tuple[Evaluation, Tensor]:
            evaluation = objective.evaluate(batch, held)
            losses = evaluation.losses
            weights = torch.ones_like(losses, requires_grad=True)
            gradients: Sequence[Tensor | None] = [None] * len(leaves)
            if losses.requires_grad:
                gradients = torch.autograd.grad(
                    losses, list(leaves.values()), weights, create_graph=True, allow_unused=True
                )
            named = dict(zip(leaves, gradients, strict=True))
            return _detached(evaluation), _in_weights(named, direction, weights)

        return holding_for_backward(objective.model, held, differentiate)


def _in_weights(
    gradients: dict[str, Tensor | None], direction: Parameters, weights: Tensor
) -> Tensor:
    """``d <G, v> / d w``, shape (n,)."""
    pairs = [
        (gradient, direction[name])
        for name, gradient in gradients.items()
        if gradient is not None and gradient.requires_grad
    ]
    if not pairs:
        return torch.zeros_like(weights)
    (slope,) = torch.autograd.grad(
        [gradient for gradient, _ in pairs],
        [weights],
        [part for _, part in pairs],
        allow_unused=True,
    )
    return torch.zeros_like(weights) if slope is None else slope


def _detached(evaluation: Evaluation) -> Evaluation:
    features = evaluation.features
    return Evaluation(
        losses=evaluation.losses.detach(),
        outputs=evaluation.outputs.detach(),
        features=None if features is None else features.detach(),
    )
