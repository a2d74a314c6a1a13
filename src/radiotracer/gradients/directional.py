"""How fast each example's loss changes along one direction: a Jacobian-vector product.

For losses ``l_i(theta)`` with gradients ``g_i`` and a direction ``v`` in parameter space,
``<g_i, v>`` for a whole batch is one forward-mode pass. No per-example gradient ever exists, every
kind of parameter is covered, and memory stays at about twice that of inference (each activation
carries its tangent).
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual

from radiotracer.gradients.forward_rules import forward_rules
from radiotracer.gradients.objective import Batch, Evaluation, Objective, Parameters


@dataclass(frozen=True)
class Directional(Evaluation):
    """A forward pass together with ``<g_i, v>``, shape (n,)."""

    derivatives: Tensor


def directional(objective: Objective, batch: Batch, direction: Parameters) -> Directional:
    """``<g_i, v>`` for every example of the batch, and the forward pass that it took.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batch: n examples.
        direction: ``v``: one tensor for each traced parameter, of its shape and dtype.

    Returns:
        Derivatives of shape (n,): positive where a small step along ``+v`` raises the loss.
    """
    _load_torch_rules()
    # Nothing is differentiated backwards here, so no graph is kept. Dual tensors are used directly,
    # because `torch.func.jvp` gives the same with several times the overhead per layer.
    with torch.no_grad(), forward_rules(objective.model), dual_level():
        point = {
            name: make_dual(value, direction[name])
            for name, value in objective.parameters().items()
        }
        evaluation = objective.evaluate(batch, point)
        losses, derivatives = unpack_dual(evaluation.losses)
        if derivatives is None:
            # No traced parameter takes part in this batch's losses.
            derivatives = torch.zeros_like(losses)
        features = evaluation.features
        return Directional(
            losses=losses,
            outputs=unpack_dual(evaluation.outputs).primal,
            features=None if features is None else unpack_dual(features).primal,
            derivatives=derivatives,
        )


def summed_gradient(
    objective: Objective,
    batches: Iterable[Batch],
    watch: Callable[[Batch, Evaluation], None] | None = None,
) -> dict[str, Tensor]:
    """``sum_j g_j`` over every example of the batches: one ordinary backward pass each.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batches: The examples.
        watch: Called with each batch and its forward pass, which is made anyway.

    Returns:
        One tensor per traced parameter; zeros where there is no example.
    """
    total = {name: torch.zeros_like(value) for name, value in objective.parameters().items()}
    for batch in batches:
        point = {name: value.requires_grad_() for name, value in objective.parameters().items()}
        # The caller may have switched gradients off.
        with torch.enable_grad():
            evaluation = objective.evaluate(batch, point)
            loss = evaluation.losses.sum()
        if watch is not None:
            watch(batch, evaluation)
        gradients = torch.autograd.grad(loss, list(point.values()), allow_unused=True)
        for name, gradient in zip(point, gradients, strict=True):
            if gradient is not None:
                total[name] += gradient
    return total


@functools.cache
def _load_torch_rules() -> None:
    """torch loads some rules on first use, and warns about its own code when it does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with dual_level():
            make_dual(torch.zeros(1), torch.zeros(1))
