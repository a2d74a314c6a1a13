"""Gradients that can be differentiated again, and how alike two of them are: gradient matching."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from radiotracer.gradients.objective import Objective
from radiotracer.gradients.task import Batch


def mean_gradient(network: Objective, batch: Batch) -> tuple[Tensor, ...]:
    """The gradient of the batch's mean loss, differentiable in the inputs.

    Args:
        network: A private copy, with a loss per example.
        batch: Inputs, shape (n, ...), and targets, shape (n, ...); n at least 1.

    Returns:
        A tensor for each traced parameter, in their order; zeros where the loss does not depend on
        it.
    """
    weights = {name: each.requires_grad_() for name, each in network.parameters().items()}
    losses = network.evaluate(batch, weights).losses
    return torch.autograd.grad(
        losses.mean(), tuple(weights.values()), create_graph=True, materialize_grads=True
    )


def gradient_cosine(left: Sequence[Tensor], right: Sequence[Tensor]) -> Tensor:
    """The cosine of two gradients over all of their parameters together; NaN where one is 0.

    Args:
        left: A tensor for each parameter.
        right: The same of another gradient, in the same order.

    Returns:
        Shape (), in [-1, 1], differentiable in both.
    """
    inner = torch.stack([(a * b).sum() for a, b in zip(left, right, strict=True)]).sum()
    norms = [torch.stack([a.square().sum() for a in side]).sum().sqrt() for side in (left, right)]
    return inner / (norms[0] * norms[1])
