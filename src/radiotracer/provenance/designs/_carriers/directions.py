"""Carriers: one secret direction per class in the extractor's feature space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from radiotracer.errors import InputError
from radiotracer.provenance.source import Source

HELD_OUT = "audit/held-out"
"""The coin that decides which held-out images are asked about, and in which order."""


def carriers(source: Source, classes: int, dimensions: int) -> NDArray[np.float64]:
    """Independent unit vectors, each uniform on the sphere.

    A class's carrier has a label of its own, so it depends neither on how many classes there are
    nor on another class: one shared direction would make the classes' p-values dependent, and
    their combination wrong. Normal numbers, divided by their norm, point in a uniform direction
    (Muller 1959).

    Args:
        source: The coins of a release, or a control key. A white-box test is exact because the
            suspect model cannot depend on it.
        classes: At least 1.
        dimensions: At least 2.

    Returns:
        Shape (classes, dimensions), row = class.

    Raises:
        InputError: Too few classes or dimensions.
    """
    if classes < 1 or dimensions < 2:
        raise InputError(
            expected="at least 1 class and 2 dimensions",
            came=f"{classes} and {dimensions}",
            do="pass the shape of the classifier's weights",
        )
    return np.stack(
        [_direction(source, each, dimensions) for each in direction_coins(classes, dimensions)]
    )


def direction_coins(classes: int, dimensions: int) -> tuple[str, ...]:
    """The names of the coins that `carriers` draws by."""
    return tuple(f"carrier/{dimensions}/class/{c}" for c in range(classes))


def _direction(source: Source, label: str, dimensions: int) -> NDArray[np.float64]:
    raw = np.asarray(source.generator(label).bit_generator.random_raw(dimensions), dtype=np.uint64)
    # 53 bits to the middles of 2^53 equal parts of (0, 1), and from there to normal numbers: the
    # raw bits are the same in every version of NumPy, its own normal numbers need not be.
    normal = special.ndtri(((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)
    return np.asarray(normal / np.linalg.norm(normal))
