"""Input normalisation as a part of a network: a checkpoint says how its inputs are scaled."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radiotracer.data import Dataset, require_images
from radiotracer.data.blocks import drop_pages, stretches
from radiotracer.data.inputs import named

BLOCK = 4096
"""Examples whose inputs are in memory at once."""


class Normalise(nn.Module):
    """Subtract a mean and divide by a standard deviation: two buffers, broadcast over the inputs.

    Args:
        shape: Of both buffers: (channels, 1, 1) for images, (columns,) for rows of numbers.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (n, ...) in and out."""
        return (inputs - self.mean) / self.std

    def put(self, mean: NDArray[np.float64], spread: NDArray[np.float64]) -> None:
        """Take over a mean and a standard deviation, as many numbers as each buffer has.

        What is constant has no spread, and stays unscaled rather than being divided by zero.
        """
        with torch.no_grad():
            for buffer, values in (
                (self.mean, mean),
                (self.std, np.where(spread > 0, spread, 1.0)),
            ):
                buffer.copy_(torch.from_numpy(values).view_as(buffer))


def normalise_images(model: nn.Module, data: Dataset) -> None:
    """Set a network's `Normalise` to the mean and spread of the pixels, per channel."""
    images = require_images(data, "normalisation per channel")
    # How often each level is there says all of it, whatever the number of images.
    levels = np.linspace(0.0, 1.0, 256)
    counts = np.zeros((images.shape[3], 256))
    for rows in stretches(images):
        for channel in range(len(counts)):
            pixels = images[rows, :, :, channel].ravel()
            counts[channel] += np.bincount(pixels, minlength=256)
        drop_pages(images[rows])
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ levels
    _put(model, mean, np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(axis=1)))


def normalise_inputs(model: nn.Module, data: Dataset) -> None:
    """Set a network's `Normalise` to the mean and spread of the inputs, number by number."""

    def blocks(start: int) -> NDArray[np.float64]:
        rows = slice(start, min(start + BLOCK, len(data)))
        (inputs,) = named(data.modality.inputs(data.content, rows)).values()
        return inputs.double().flatten(start_dim=1).numpy()

    starts = range(0, len(data), BLOCK)
    mean = np.sum([blocks(start).sum(axis=0) for start in starts], axis=0) / len(data)
    squares = [((blocks(start) - mean) ** 2).sum(axis=0) for start in starts]
    _put(model, mean, np.sqrt(np.sum(squares, axis=0) / len(data)))


def _put(model: nn.Module, mean: NDArray[np.float64], spread: NDArray[np.float64]) -> None:
    for module in model.modules():
        if isinstance(module, Normalise):
            module.put(mean, spread)
