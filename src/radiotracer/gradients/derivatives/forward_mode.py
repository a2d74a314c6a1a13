"""``<g_i, v>`` for a batch by forward mode: a Jacobian-vector product.

Memory is about twice that of inference, as each activation carries its tangent.
"""

from __future__ import annotations

import functools
import warnings

import torch
from torch import Tensor
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual

from radiotracer.gradients.derivatives.forward_rules import ForwardRules
from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.task import Batch


def forward_mode(
    objective: Objective, batch: Batch, point: Parameters, direction: Parameters
) -> tuple[Evaluation, Tensor]:
    """The forward pass at `point`, and ``<g_i, v>``, shape (n,), in the losses' dtype.

    Args:
        objective: Network and loss.
        batch: n examples.
        point: Values for some or all of the network's parameters.
        direction: ``v``, over part of `point`.

    Raises:
        RuntimeError: An operation has no forward-mode rule.
    """
    _load_torch_rules()
    # Nothing is differentiated backwards here, so no graph is kept. Dual tensors are used directly,
    # because `torch.func.jvp` gives the same with several times the overhead per layer.
    with torch.no_grad(), ForwardRules(), dual_level():
        moving = {name: make_dual(point[name], tangent) for name, tangent in direction.items()}
        evaluation = objective.evaluate(batch, {**point, **moving})
        losses, derivatives = unpack_dual(evaluation.losses)
        if derivatives is None:
            # No traced parameter takes part in this batch's losses.
            derivatives = torch.zeros_like(losses)
        features = evaluation.features
        plain = Evaluation(
            losses=losses,
            outputs=unpack_dual(evaluation.outputs).primal,
            features=None if features is None else unpack_dual(features).primal,
        )
        return plain, derivatives


@functools.cache
def _load_torch_rules() -> None:
    """torch loads some rules on first use, and warns about its own code when it does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with dual_level():
            make_dual(torch.zeros(1), torch.zeros(1))
