"""The gradient of a sum of losses: ordinary backward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from radiotracer.gradients.holding import holding_for_backward
from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.task import Batch


def summed_gradient(
    objective: Objective,
    batches: Iterable[Batch],
    watch: Callable[[Batch, Evaluation], None] | None = None,
    *,
    weights: Tensor | None = None,
) -> dict[str, Tensor]:
    """``sum_j w_j g_j`` over every example of the batches: one ordinary backward pass each.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batches: The examples.
        watch: Called with each batch and its forward pass, which is made anyway.
        weights: ``w_j``, one per example of each batch, for batches of one length; None for ones.

    Returns:
        One tensor per traced parameter; zeros where there is no example.
    """
    total = {name: torch.zeros_like(value) for name, value in objective.parameters().items()}
    for batch in batches:
        point = objective.parameters()
        gradients = gradient_at(objective, batch, point, objective.traced, watch, weights=weights)
        for name, gradient in gradients.items():
            total[name] += gradient
    return total


def gradient_at(
    objective: Objective,
    batch: Batch,
    point: Parameters,
    names: Iterable[str],
    watch: Callable[[Batch, Evaluation], None] | None = None,
    *,
    weights: Tensor | None = None,
) -> dict[str, Tensor]:
    """``sum_i w_i grad l_i(point)`` over the batch, for those parameters that it depends on.

    Args:
        objective: Network and loss.
        batch: The examples.
        point: Values for some or all of the network's parameters.
        names: With respect to which of `point` to differentiate.
        watch: Called with the batch and its forward pass.
        weights: ``w_i``, shape (n,); None for ones.
    """
    # The caller may have switched gradients off.
    with torch.enable_grad():
        leaves = {name: point[name].detach().requires_grad_() for name in names}

        def differentiate() -> tuple[Tensor | None, ...]:
            evaluation = objective.evaluate(batch, {**point, **leaves})
            losses = evaluation.losses
            loss = losses.sum() if weights is None else losses @ weights.to(losses)
            if watch is not None:
                watch(batch, evaluation)
            if not loss.requires_grad:
                return (None,) * len(leaves)
            return torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)

        gradients = holding_for_backward(objective.model, {**point, **leaves}, differentiate)
    return {
        name: gradient
        for name, gradient in zip(leaves, gradients, strict=True)
        if gradient is not None
    }
