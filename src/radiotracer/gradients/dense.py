"""Every example's gradient in full: slow, memory-hungry, exact: the oracle of the other engines.

Costs, in units of one forward pass of the batch: about 50 (a vectorised backward pass), and
n x parameters numbers of memory, so batches here are small.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import grad, vmap

from radiotracer.gradients.objective import Batch, Objective, Parameters

DENSE_BATCH = 32
"""Examples per pass: n x parameters numbers are held at once, so dense batches stay small."""


def per_example_gradients(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    """``g_i`` of every example: for each traced parameter a tensor of shape (n, *its shape)."""

    def loss_of_one(parameters: Parameters, inputs: Tensor, target: Tensor) -> Tensor:
        one = Batch(inputs.unsqueeze(0), target.unsqueeze(0))
        return objective.evaluate(one, parameters).losses[0]

    # This switches off the graph of second derivatives, which untraced parameters would ask for.
    with torch.no_grad():
        gradients: dict[str, Tensor] = vmap(grad(loss_of_one), in_dims=(None, 0, 0))(
            objective.parameters(), batch.inputs, batch.targets
        )
    return gradients


def weighted_inner(
    left: Mapping[str, Tensor], right: Mapping[str, Tensor], weights: Mapping[str, float]
) -> Tensor:
    """``sum_p w_p <left_i^p, right_j^p>`` over parameters p, shape (n_left, n_right), float64.

    Args:
        left: Per-example gradients, one tensor (n_left, ...) per parameter.
        right: Per-example gradients, one tensor (n_right, ...) per parameter.
        weights: A factor per parameter, such as its learning rate.
    """
    terms = [weights[name] * _as_rows(left[name]) @ _as_rows(right[name]).T for name in left]
    return sum(terms[1:], start=terms[0])


def weighted_square_norm(gradients: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """``sum_p w_p ||g_i^p||^2`` over parameters p, shape (n,), float64."""
    terms = [
        weights[name] * _as_rows(gradient).square().sum(dim=1)
        for name, gradient in gradients.items()
    ]
    return sum(terms[1:], start=terms[0])


def _as_rows(gradients: Tensor) -> Tensor:
    # Not flatten(1), which refuses the gradients of a parameter that is a single number.
    return gradients.reshape(len(gradients), -1).double()
