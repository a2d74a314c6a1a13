"""Arrays of pixels of any type as 8-bit images; what was done is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError

DEPTHS = (8, 10, 12, 14, 16)
"""Bits that cameras and scanners give a pixel."""

_CHANNELS = (1, 3, 4)


def as_content(array: NDArray[Any], path: object) -> tuple[NDArray[Any], Sequence[str]]:
    """Vectors where there are two axes of numbers, else images, and what was done, in sentences.

    Returns:
        float32 (n, d), or uint8 (n, height, width, 1 or 3).

    Raises:
        DataError: Of another shape or type.
    """
    if array.ndim == 2 and array.dtype.kind in "fiu":
        with np.errstate(over="ignore"):
            return array.astype(np.float32), ()
    if array.ndim not in (3, 4) or array.dtype.kind not in "fiu":
        raise DataError(
            expected=f"images (n, height, width[, channels]) or vectors (n, d) in {path}",
            came=f"{array.dtype} of shape {array.shape}",
            do="reshape them, for example x.reshape(-1, 28, 28)",
        )
    notes: list[str] = []
    pixels, said = eight_bits(array, path)
    notes += said
    if pixels.ndim == 3:
        return pixels[..., np.newaxis], notes
    if pixels.shape[3] not in _CHANNELS and pixels.shape[1] in _CHANNELS:
        notes.append("channels come first; they were put last")
        pixels = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
    if pixels.shape[3] == 4:
        notes.append("transparent images were laid on white")
        alpha = pixels[..., 3:].astype(np.uint16)
        mixed = (pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
        pixels = mixed.astype(np.uint8)
    return pixels, notes


def eight_bits(array: NDArray[Any], path: object) -> tuple[NDArray[np.uint8], Sequence[str]]:
    """Pixels from 0 to 255, scaled by the range of all of them together, and what was done.

    Integers are divided as the smallest of `DEPTHS` that holds the largest says; floats in [0, 1]
    and in [0, 255] are taken as they are meant, others from their smallest to their largest.

    Raises:
        DataError: Integers below 0 or beyond 16 bits, or numbers that are not finite.
    """
    if array.dtype == np.uint8 or not array.size:
        return array.astype(np.uint8, copy=False), ()
    low, high = float(array.min()), float(array.max())
    if not np.isfinite((low, high)).all():
        raise DataError(
            expected=f"finite pixels in {path}", came="infinite ones, or NaN", do="repair them"
        )
    if array.dtype.kind in "iu":
        if low < 0 or high > 65_535:
            raise DataError(
                expected=f"pixels from 0 to 65,535 in {path}",
                came=f"{low:.0f} to {high:.0f}",
                do="scale them",
            )
        bits = next(each for each in DEPTHS if high < 1 << each)
        if bits == 8:
            return array.astype(np.uint8), ()
        top = (1 << bits) - 1
        return _scaled(array, 0.0, float(top)), (
            f"{bits}-bit images: 0 to {top:,} became 0 to 255",
        )
    if low >= 0 and 1 < high <= 255:
        return _scaled(array, 0.0, 255.0), ()
    if low >= 0 and high <= 1:
        return _scaled(array, 0.0, 1.0), ("images of floats: 0 to 1 became 0 to 255",)
    if low >= -1 and high <= 1:
        low, high = -1.0, 1.0
    return _scaled(array, low, high), (f"images of floats: {low:g} to {high:g} became 0 to 255",)


def _scaled(array: NDArray[Any], low: float, high: float) -> NDArray[np.uint8]:
    width = high - low if high > low else 1.0
    made = np.empty(array.shape, dtype=np.uint8)
    # Row by row of the first axis: whole arrays of float64 would need eight times the memory.
    step = max(1, (1 << 22) // max(1, int(np.prod(array.shape[1:]))))
    for start in range(0, len(array), step):
        part = array[start : start + step].astype(np.float64)
        made[start : start + step] = np.rint((part - low) * (255.0 / width))
    return made
