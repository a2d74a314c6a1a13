"""Normalisations: a scale and a shift of the normalised input, few numbers each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from radiotracer.gradients.ghost.forms import Form, Full
from radiotracer.gradients.ghost.rules.registry import NoRule, register_rule


@register_rule(F.batch_norm)
def batch_norm(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Form:
    """By recorded statistics, per channel; x of shape (n, k, channels, ...)."""
    if training or running_mean is None or running_var is None:
        raise NoRule("batch statistics, which make an example's loss depend on its batch")
    total = _per_channel(errors)
    if role == "bias":
        return _full(total)
    # sum y (x - m) / s without an array of normalised inputs.
    products = _per_channel(errors * (input - _channels(running_mean, input)))
    return _full(products / (running_var + eps).sqrt())


@register_rule(F.instance_norm)
def instance_norm(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Form:
    """Per example and channel; x of shape (n, k, channels, ...)."""
    if not use_input_stats:
        return batch_norm(errors, role, input, running_mean, running_var, eps=eps)
    if role == "bias":
        return _full(_per_channel(errors))
    return _full(_per_channel(errors * _standard(input, input.shape[2], eps)))


@register_rule(F.group_norm)
def group_norm(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Form:
    """Per example and group of channels; x of shape (n, k, channels, ...)."""
    if role == "bias":
        return _full(_per_channel(errors))
    return _full(_per_channel(errors * _standard(input, num_groups, eps)))


@register_rule(F.layer_norm)
def layer_norm(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Form:
    """Per token, over the last axes; x of shape (n, ..., *normalized_shape)."""
    if role == "weight":
        errors = errors * F.layer_norm(input, normalized_shape, eps=eps)
    return _full(errors.flatten(1, -len(normalized_shape) - 1).sum(dim=1))


@register_rule(F.rms_norm)
def rms_norm(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Form:
    """Per token, over the last axes, by the root of the mean square."""
    axes = tuple(range(input.dim() - len(normalized_shape), input.dim()))
    least = torch.finfo(input.dtype).eps if eps is None else eps
    normalised = input * (input.square().mean(dim=axes, keepdim=True) + least).rsqrt()
    return _full((errors * normalised).flatten(1, axes[0] - 1).sum(dim=1))


def _full(gradients: Tensor) -> Full:
    return Full(tuple(gradients.shape[1:]), gradients)


def _per_channel(tensor: Tensor) -> Tensor:
    """Sum over all but examples and channels: shape (n, k, channels, ...) to (n, channels)."""
    return tensor.sum(dim=(1, *range(3, tensor.dim())))


def _channels(statistic: Tensor, like: Tensor) -> Tensor:
    return statistic.view(-1, *(1 for _ in range(like.dim() - 3)))


def _standard(tensor: Tensor, groups: int, eps: float) -> Tensor:
    """Normalised by example, use and group of channels, shape (n, k, channels, ...)."""
    return F.group_norm(tensor.flatten(0, 1), groups, eps=eps).view_as(tensor)
