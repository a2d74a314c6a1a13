"""Activations with learned slopes."""

from __future__ import annotations

import torch
from torch import Tensor

from radiotracer.gradients.ghost.forms import Form, Full
from radiotracer.gradients.ghost.rules.registry import register_rule


@register_rule(torch.prelu, torch.Tensor.prelu)
def prelu(errors: Tensor, role: str, input: Tensor, weight: Tensor) -> Form:
    """``y = w x`` below 0, by channel or for all alike; x of shape (n, k, channels, ...)."""
    products = errors * input.clamp(max=0)
    if weight.numel() == 1:
        return Full(tuple(weight.shape), products.flatten(1).sum(dim=1).view(-1, *weight.shape))
    total = products.sum(dim=(1, *range(3, products.dim())))
    return Full(tuple(weight.shape), total)
