"""How the reference loop varies its inputs: anew in every batch, by a generator of its own."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from radiotracer.recipes.parts.pixels import shifted

Variation = Literal["none", "crops", "crops-and-flips"]
"""Crops are images moved by up to an eighth of their height each way, their border repeated; flips
turn left to right with probability 1/2, which is wrong for digits and letters."""


def varied(inputs: Tensor, how: Variation, generator: torch.Generator) -> Tensor:
    """A batch of images as a training sees them, shape (n, c, h, w).

    Args:
        inputs: Shape (n, c, h, w).
        how: With ``none`` they come back as they are, and nothing is drawn.
        generator: On the processor.
    """
    if how == "none":
        return inputs
    moved = shifted(inputs, inputs.shape[2] // 8, generator)
    if how == "crops-and-flips":
        turned = torch.rand(len(inputs), generator=generator) < 0.5
        moved = torch.where(turned[:, None, None, None].to(inputs.device), moved.flip(3), moved)
    return moved.contiguous(memory_format=torch.channels_last)
