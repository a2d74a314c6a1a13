"""Images that may be changed a little: how far, in which direction, and back to whole grey levels.

A bound is a bound on the pixels that are stored: it is taken down to whole levels of 1/255 first,
so that rounding at the end cannot leave it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from radiotracer.data import Images
from radiotracer.data.modalities.images import to_inputs
from radiotracer.recipes.parts.choosing import require_between


@dataclass(frozen=True, eq=False)
class Box:
    """All images from `low` to `high`, pixel by pixel: floats in [0, 1], shape (n, c, h, w)."""

    low: Tensor
    high: Tensor

    @staticmethod
    def around(images: Images, epsilon: float | None, device: torch.device) -> Box:
        """The images within `epsilon` (L-infinity, in [1/255, 1]) of `images`; None is no bound.

        Args:
            images: uint8, shape (n, h, w, c).
            epsilon: A bound in units of the whole grey scale.
            device: Where the box is to be.

        Raises:
            InputError: The bound is outside [1/255, 1].
        """
        levels = 255
        if epsilon is not None:
            require_between("epsilon", epsilon, 1 / 255, 1.0)
            levels = math.floor(epsilon * 255 + 1e-6)  # 8 / 255 is eight levels, not seven
        wide = images.astype(np.int64)
        low = np.clip(wide - levels, 0, 255).astype(np.uint8)
        high = np.clip(wide + levels, 0, 255).astype(np.uint8)
        return Box(to_inputs(low).to(device), to_inputs(high).to(device))

    def clamp(self, inputs: Tensor) -> Tensor:
        """The nearest image in the box."""
        return torch.clamp(inputs, self.low, self.high)

    def anywhere(self, generator: torch.Generator) -> Tensor:
        """A uniformly random image in the box."""
        draws = torch.rand(self.low.shape, generator=generator).to(self.low.device)
        return self.clamp(self.low + (self.high - self.low) * draws)


def descend(
    start: Tensor,
    box: Box,
    loss: Callable[[Tensor], Tensor],
    *,
    steps: int,
    rate: float,
    signed: bool = False,
) -> Tensor:
    """Images in the box with a small loss, by Adam with a step that falls linearly to nothing.

    The falling step lets the images come to rest, so that little is lost when they are rounded.

    Args:
        start: Where to begin, shape (n, c, h, w).
        box: Where to stay.
        loss: From images (n, c, h, w) to a number.
        steps: At least 1.
        rate: The first step, in units of the whole grey scale.
        signed: Give Adam the sign of the gradient only (Geiping et al. 2021).
    """
    images = box.clamp(start).detach().clone().requires_grad_()
    adam = torch.optim.Adam([images], lr=rate)
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate * (1 - step / steps)
        (gradient,) = torch.autograd.grad(loss(images), images)
        images.grad = gradient.sign() if signed else gradient
        adam.step()
        with torch.no_grad():
            images.copy_(box.clamp(images))
    return images.detach()


def to_pixels(inputs: Tensor) -> Images:
    """Floats in [0, 1], shape (n, c, h, w), to the nearest uint8 images, shape (n, h, w, c)."""
    levels = (inputs.detach().cpu() * 255).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).numpy())


def shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Each image moved by up to `most` whole pixels each way, its border repeated; differentiable.

    Args:
        images: Shape (n, c, h, w).
        most: 0 leaves them as they are, and draws nothing.
        generator: On the processor.
    """
    if most == 0:
        return images
    n, _, height, width = images.shape
    padded = F.pad(images, (most,) * 4, mode="replicate")
    offsets = torch.randint(2 * most + 1, (2, n, 1), generator=generator)
    down = (offsets[0] + torch.arange(height)).to(images.device)
    right = (offsets[1] + torch.arange(width)).to(images.device)
    each = torch.arange(n, device=images.device)[:, None, None]
    # Indices around a slice put the sliced axis last.
    return padded[each, :, down[:, :, None], right[:, None, :]].permute(0, 3, 1, 2)
