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
    *(torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__, torch.mm, torch.Tensor.mm),
    data=("input", "other"),
)
def matmul(errors: Tensor, role: str, input: Tensor, other: Tensor) -> Form:
    """``y = x W``, x of shape (..., d), or ``y = W x``, x of shape (..., d, t); W a matrix.

    Or ``y = x w`` with a vector.
    """
    if role == "other" and other.dim() == 1:
        return over_tokens(errors.unsqueeze(-1) * input)
    if role == "other" and other.dim() == 2:
        return Outer(tuple(other.shape), tokens(input), tokens(errors))
    if role == "input" and input.dim() == 2:
        if other.dim() > 2:
            errors, other = errors.mT, other.mT
        return Outer(tuple(input.shape), tokens(errors), tokens(other))
    raise NoRule("a parameter of these axes")


@register_rule(F.bilinear, data=("input1", "input2"))
def bilinear(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input1: Tensor,
    input2: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
) -> Form:
    """``y_o = x W_o z + b_o``, W of shape (o, p, q): an outer product with all products of x, z."""
    if role == "bias":
        return over_tokens(errors)
    products = tokens(input1).unsqueeze(3) * tokens(input2).unsqueeze(2)
    return Outer(tuple(weight.shape), tokens(errors), products.flatten(2))


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
    return tensor.unsqueeze(1) if tensor.dim() == 2 else tensor.flatten(1, -2)


def over_tokens(errors: Tensor) -> Full:
    """The sum over tokens: the gradient of what is added to each of them, shape (n, d)."""
    return Full((errors.shape[-1],), tokens(errors).sum(dim=1))
