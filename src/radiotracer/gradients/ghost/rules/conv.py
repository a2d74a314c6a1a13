"""Convolutions and transposed convolutions, in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from radiotracer.gradients.ghost.forms import Form, Full
from radiotracer.gradients.ghost.patches import Geometry, Patches
from radiotracer.gradients.ghost.rules.registry import register_rule

Size = int | Sequence[int]


@register_rule(torch.conv1d, torch.conv2d, torch.conv3d)
def conv(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Form:
    """Padded by zeros; other paddings are operations of their own before this one."""
    if role == "bias":
        return _over_positions(errors)
    kernel = tuple(weight.shape[2:])
    geometry = Geometry(
        kernel=kernel,
        stride=_each(stride, kernel),
        dilation=_each(dilation, kernel),
        padding=_before(padding, kernel, _each(dilation, kernel)),
        groups=groups,
    )
    return _patches(weight, errors, input, geometry)


@register_rule(torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
def conv_transpose(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Form:
    """A convolution backwards: input and output gradients change places."""
    if role == "bias":
        return _over_positions(errors)
    kernel = tuple(weight.shape[2:])
    geometry = Geometry(
        kernel=kernel,
        stride=_each(stride, kernel),
        dilation=_each(dilation, kernel),
        padding=_each(padding, kernel),
        groups=groups,
    )
    return _patches(weight, input, errors, geometry)


def _patches(weight: Tensor, errors: Tensor, inputs: Tensor, geometry: Geometry) -> Form:
    if errors.shape[1] == 1:
        return Patches(tuple(weight.shape), errors.squeeze(1), inputs.squeeze(1), geometry)
    # k images per example are one more spatial dimension, along which the kernel has length one.
    deeper = Geometry(
        kernel=(1, *geometry.kernel),
        stride=(1, *geometry.stride),
        dilation=(1, *geometry.dilation),
        padding=(0, *geometry.padding),
        groups=geometry.groups,
    )
    return Patches(tuple(weight.shape), errors.transpose(1, 2), inputs.transpose(1, 2), deeper)


def _over_positions(errors: Tensor) -> Full:
    total = errors.sum(dim=(1, *range(3, errors.dim())))
    return Full((total.shape[1],), total)


def _each(size: Size, kernel: tuple[int, ...]) -> tuple[int, ...]:
    """One number per dimension."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    return sizes * len(kernel) if len(sizes) == 1 else sizes


def _before(
    padding: Size | str, kernel: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[int, ...]:
    """What is padded before the input; an odd total puts its larger half behind."""
    if padding == "valid":
        return (0,) * len(kernel)
    if isinstance(padding, str):
        return tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
    return _each(padding, kernel)
