"""What networks for images have in common.

They take float tensors in [0, 1], shape (n, channels, height, width), and give logits, shape
(n, classes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from radiotracer.data import IMAGES, Dataset, require_images

FOR_IMAGES = frozenset((IMAGES.name,))


def channels_of(data: Dataset) -> Mapping[str, int]:
    """All that such a network is built for: 1 channel or 3."""
    return {"channels": require_images(data, "this network").shape[3]}


def quick(n: int) -> Mapping[str, Any]:
    """Fewer images are seen more often, in smaller batches."""
    return {
        "epochs": 12 if n < 1_000 else 8 if n < 10_000 else 4,
        "batch_size": 32 if n < 2_000 else 128,
    }


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution, batch-normalised."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )
