"""Matrix products: one outer product for each token."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from radiotracer.gradients.ghost.forms import Form, Full, Outer
from radiotracer.gradients.ghost.rules.registry import NoRule, register_rule


@register_rule(F.linear)
def linear(
    errors: Tensor, role: str, input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Form:
    """``y = x W^T + b``, x of shape (..., d): ``g_W = sum_t y_t (outer) x_t``."""
    if role == "bias":
        return over_tokens(errors)
    return Outer(tuple(weight.shape), tokens(errors), tokens(input))


@register_rule(
    torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.mm, torch.Tensor.mm
)
def matmul(errors: Tensor, role: str, input: Tensor, other: Tensor) -> Form:
    """``y = x W``, x of shape (..., d), W of shape (d, o)."""
    if role == "input" or other.dim() != 2:
        raise NoRule("a product with a parameter that is not a matrix on the right")
    return Outer(tuple(other.shape), tokens(input), tokens(errors))


@register_rule(torch.addmm, data="mat1")
def addmm(
    errors: Tensor,
    role: str,
    input: Tensor,
    mat1: Tensor,
    mat2: Tensor,
    *,
    beta: float = 1,
    alpha: float = 1,
) -> Form:
    """``y = beta b + alpha x W``, x of shape (tokens, d), W of shape (d, o)."""
    if role == "input":
        if input.dim() != 1:
            raise NoRule("an addend that is not a vector")
        return over_tokens(beta * errors)
    return Outer(tuple(mat2.shape), tokens(mat1), tokens(alpha * errors))


def tokens(tensor: Tensor) -> Tensor:
    """Everything between the example axis and the last one is a token: shape (n, T, d)."""
    return tensor.flatten(1, -2)


def over_tokens(errors: Tensor) -> Full:
    """The sum over tokens: the gradient of what is added to each of them, shape (n, d)."""
    return Full((errors.shape[-1],), tokens(errors).sum(dim=1))
