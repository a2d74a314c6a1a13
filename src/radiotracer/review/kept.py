"""Influence from what a scan kept beside itself: errors and features of both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import LastLayerGradients
from radiotracer.review.influence import Side

BLOCK = 4096
"""Examples whose factors are in memory in float64 at once."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Factors of last-layer gradients; row ``i`` is example ``i`` of the data that were scanned.

    Args:
        train: What was scanned.
        validation: The validation examples of the scan, or None.
        sides: By side, the factors of all its examples.
    """

    train: Dataset
    validation: Dataset | None
    sides: dict[Side, LastLayerGradients] = field(repr=False)

    def influence(self, side: Side, row: int, told: Callable[[float], None]) -> NDArray[np.float64]:
        """One inner product for each example; see `radiotracer.review.influence.Evidence`."""
        mine, others = _some(self.sides["train"], slice(row, row + 1)), self.sides[side]
        found = np.empty(len(others.errors))
        for start in range(0, len(found), BLOCK):
            told(start / len(found))
            rows = slice(start, start + BLOCK)
            found[rows] = mine.inner(_some(others, rows))[0].numpy()
        return found


def open_kept(path: Path, train: Dataset, validation: Dataset | None) -> Kept:
    """Read the file that a scan kept, and hold it against the data.

    Args:
        path: The file.
        train: What was scanned.
        validation: The validation examples of the scan, or None.

    Raises:
        DataError: It is about other examples.
        InputError: It is missing or damaged.
    """
    given: dict[Side, Dataset] = {"train": train}
    if validation is not None:
        given["validation"] = validation
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            for side, data in given.items():
                if about.get(side) != data.digest:
                    raise DataError(
                        expected=f"the {side} examples of the scan in {path.parent}",
                        came=f"{data.source}, which are others",
                        do="leave validation= out, or pass those of the scan",
                    )
            sides = {
                side: LastLayerGradients(
                    errors=_checked(file.get_tensor(f"{side}_errors"), len(data)),
                    features=_checked(file.get_tensor(f"{side}_features"), len(data)),
                    weight_rate=1.0,
                    bias_rate=1.0,
                )
                for side, data in given.items()
            }
            for each in sides.values():
                if _widths(each) != _widths(sides["train"]):
                    raise ValueError("sides of different widths")
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(
            expected=f"{path}, as the scan wrote it",
            came=f"no such file, or another: {type(error).__name__}: {str(error)[:200]}",
            do="scan again",
        ) from error
    return Kept(train, validation, sides)


def _checked(found: Tensor, rows: int) -> Tensor:
    if found.dim() != 2 or len(found) != rows or not found.is_floating_point():
        raise ValueError(f"a tensor of {found.dtype}, shape {tuple(found.shape)}")
    if not torch.isfinite(found).all():
        raise ValueError("NaN or infinity")
    return found


def _some(gradients: LastLayerGradients, rows: slice) -> LastLayerGradients:
    return LastLayerGradients(
        gradients.errors[rows],
        gradients.features[rows],
        gradients.weight_rate,
        gradients.bias_rate,
    )


def _widths(gradients: LastLayerGradients) -> tuple[int, int]:
    return gradients.errors.shape[1], gradients.features.shape[1]
