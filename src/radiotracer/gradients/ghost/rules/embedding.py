"""Tables: the gradient of an example has a row for each row that it looked up."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from radiotracer.gradients.ghost.forms import Form
from radiotracer.gradients.ghost.rules.registry import NoRule, register_rule
from radiotracer.gradients.ghost.tables import Rows


@register_rule(F.embedding)
def embedding(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Form:
    """Rows of a table at integer positions of shape (n, ...)."""
    if scale_grad_by_freq:
        raise NoRule("scale_grad_by_freq, which makes gradients depend on the batch")
    if max_norm is not None:
        raise NoRule("max_norm, which changes the weights in a forward pass")
    index, values = input.flatten(1), errors.flatten(1, -2)
    if padding_idx is not None:
        padding = padding_idx if padding_idx >= 0 else len(weight) + padding_idx
        values = values * (index != padding).unsqueeze(2)
    return Rows(tuple(weight.shape), index, values)


@register_rule(F.embedding_bag, data=("input", "per_sample_weights"))
def embedding_bag(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Form:
    """Sums and means of rows at integer positions of shape (n, k, T): one bag of T for each use."""
    if offsets is not None or mode == "max" or role != "weight":
        raise NoRule("bags at offsets, of maxima or with learned weights")
    asked = torch.ones_like(input, dtype=torch.bool)
    if padding_idx is not None:
        asked = input != padding_idx % len(weight)
    share = asked.to(errors)
    if mode == "mean":
        share = share / share.sum(dim=-1, keepdim=True).clamp(min=1)
    if per_sample_weights is not None:
        share = share * per_sample_weights
    values = share.unsqueeze(-1) * errors.unsqueeze(-2)
    return embedding(
        values, role, input, weight, None, max_norm, norm_type, scale_grad_by_freq, sparse
    )
