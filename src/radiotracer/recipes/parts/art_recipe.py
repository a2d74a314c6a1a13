"""Poisons made by the Adversarial Robustness Toolbox (ART), as examples with a manifest.

Nothing of ART is imported: any object with its ``poison`` method will do.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from radiotracer.data import Dataset, Labels
from radiotracer.errors import InputError
from radiotracer.recipes.parts.manifest import Manifest
from radiotracer.recipes.parts.pixels import to_pixels
from radiotracer.recipes.parts.tampered import tampered


class Poisoner(Protocol):
    """What ART's black-box and white-box poisoning attacks have in common."""

    def poison(self, x: Any, y: Any = None) -> tuple[Any, Any]:
        """Images and labels, as floats, to poisoned images and labels."""


def from_art(
    examples: Dataset, attack: Poisoner, rows: NDArray[np.int64], labels: Labels
) -> tuple[Dataset, Manifest]:
    """Let an attack of ART change the images at `rows`, and give them `labels`.

    Differs from calling ART: its labels are not used, because some attacks return the network's
    predictions in their place; images are rounded to what can be stored.

    Args:
        examples: The data.
        attack: Set up by the caller, for images in [0, 1] of shape (k, c, h, w), the layout of
            ART's PyTorch classifier, and one-hot labels (k, classes).
        rows: k different row numbers.
        labels: What the poisons are called, int64, shape (k,).

    Raises:
        InputError: The rows or labels cannot be used, or the attack gives images of another shape
            or with NaN or infinity.
    """
    classes = len(examples.class_names)
    if (
        labels.shape != rows.shape
        or len(np.unique(rows)) != rows.size
        or rows.ndim != 1
        or rows.size == 0
        or min(rows.min(), labels.min()) < 0
        or rows.max() >= len(examples)
        or labels.max() >= classes
    ):
        raise InputError(
            expected=f"different rows below {len(examples)} and a class below {classes} for each",
            came=f"rows of shape {rows.shape} and labels of shape {labels.shape}, or others inside",
            do="name the rows to poison and their labels",
        )
    inputs = examples.content[rows].transpose(0, 3, 1, 2).astype(np.float32) / 255
    made, _ = attack.poison(inputs, y=np.eye(classes, dtype=np.float32)[labels])
    poisons = np.asarray(made, dtype=np.float32)
    if poisons.shape != inputs.shape or not np.isfinite(poisons).all():
        raise InputError(
            expected=f"finite poisons of shape {inputs.shape} from {type(attack).__name__}",
            came=f"shape {poisons.shape}, or NaN or infinity",
            do="set the attack up for images of shape (k, channels, height, width) in [0, 1]",
        )
    pixels = to_pixels(torch.from_numpy(poisons))
    return tampered(examples, rows, f"art-{type(attack).__name__}", inputs=pixels, labels=labels)
