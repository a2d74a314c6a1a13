"""Every example's gradient in full: slow, memory-hungry, exact: the oracle of the other engines.

Costs, in units of one forward pass of the batch: about 50 (a vectorised backward pass), and
n x parameters numbers of memory, so batches here are small.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from radiotracer.data.inputs import Inputs
from radiotracer.gradients.memory import is_out_of_memory
from radiotracer.gradients.objective import Objective, Parameters
from radiotracer.gradients.precision import wide
from radiotracer.gradients.summed import gradient_at
from radiotracer.gradients.task import Batch
from radiotracer.gradients.unfused import unfused

DENSE_BATCH = 32
"""Examples per pass at most."""

DENSE_BYTES = 2**26
"""What the gradients of one pass may hold; a vectorised pass takes several times as much."""


class _Loop:
    """Found out of an objective whose operations cannot be vectorised."""


def dense_batches(objective: Objective, count: int, names: Collection[str]) -> Iterator[slice]:
    """Rows of passes over `count` examples whose gradients fit into `DENSE_BYTES`, or of one each.

    Args:
        objective: Network and loss.
        count: How many examples.
        names: Which of the traced parameters.
    """
    if not names:
        return
    each = sum(value.nbytes for name, value in objective.parameters().items() if name in names)
    size = max(1, min(DENSE_BATCH, DENSE_BYTES // max(1, each)))
    for start in range(0, count, size):
        yield slice(start, start + size)


def per_example_gradients(
    objective: Objective, batch: Batch, names: Collection[str] | None = None
) -> dict[str, Tensor]:
    """``g_i`` of every example: for each traced parameter a tensor of shape (n, *its shape).

    Args:
        objective: Network and loss at the loaded checkpoint.
        batch: n examples.
        names: Which of the traced parameters; None for all.
    """
    wanted = {
        name: value
        for name, value in objective.parameters().items()
        if names is None or name in names
    }

    def loss_of_one(parameters: Parameters, inputs: Inputs, target: Any) -> Tensor:
        one = Batch(inputs, target)._each(lambda value: value.unsqueeze(0))
        return objective.evaluate(one, parameters).losses[0]

    # A single gradient is the ordinary backward pass's.
    if len(batch) == 1 or _Loop in objective.found:
        return _one_by_one(objective, batch, wanted)
    try:
        # no_grad: no graph of second derivatives is wanted. Fused kernels cannot be vectorised.
        with torch.no_grad(), unfused(objective.model), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="There is a performance drop")
            gradients: dict[str, Tensor] = vmap(grad(loss_of_one), in_dims=(None, 0, 0))(
                wanted, batch.inputs, batch.targets
            )
    except (RuntimeError, NotImplementedError, ValueError) as error:
        # Operations that cannot be vectorised; an error of the network itself comes again here.
        gradients = _one_by_one(objective, batch, wanted)
        if not is_out_of_memory(error):
            objective.found[_Loop] = _Loop()
    return gradients


def _one_by_one(objective: Objective, batch: Batch, wanted: Parameters) -> dict[str, Tensor]:
    """One ordinary backward pass for each example."""
    found = {name: value.new_zeros(len(batch), *value.shape) for name, value in wanted.items()}
    for row in range(len(batch)):
        one = batch.take(slice(row, row + 1))
        for name, gradient in gradient_at(objective, one, wanted, wanted).items():
            found[name][row] = gradient
    return found


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
    return wide(gradients.reshape(len(gradients), -1))
