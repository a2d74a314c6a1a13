"""Gradients of parameters, from those of what was made from the parameters alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from radiotracer.gradients.ghost.forms import Form, Outer
from radiotracer.gradients.ghost.operations import is_transposed, precise


@dataclass(frozen=True, eq=False)
class Pulled(Form):
    """Through a function of the parameter alone: ``g_i = J^T f_i``, with its Jacobian J.

    Args:
        base: The gradients f of the function's result.
        pull: Multiplies gradients written out, one per row, by the transposed Jacobian.
    """

    base: Form
    pull: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        """How many examples."""
        return len(self.base)

    def full(self) -> Tensor:
        """All of them in one pass."""
        return self.pull(self.base.full())

    def take(self, rows: slice) -> Pulled:
        """Some of the rows."""
        return Pulled(self.shape, self.base.take(rows), self.pull)


def pulled(form: Form, result: Tensor, leaf: Tensor) -> Form:
    """The gradients of a tensor, from those of a tensor that was made from it."""
    shape = tuple(leaf.shape)
    if isinstance(form, Outer) and is_transposed(result, leaf):
        return Outer(shape, form.right, form.left)

    def back(gradients: Tensor) -> Tensor:
        (found,) = torch.autograd.grad(
            result,
            leaf,
            gradients.to(result.dtype),
            retain_graph=True,
            is_grads_batched=True,
            materialize_grads=True,
            allow_unused=True,
        )
        return precise(found)

    return Pulled(shape, form, back)
