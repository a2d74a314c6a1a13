"""Pixels of more than 8 bits as 8: by one range for a whole data set, so that images compare."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DEEP = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")
"""Pillow's modes of grey pixels that have more than 8 bits."""

BAND = 1 << 20
"""Pixels that are converted at once: an image that is huge is never there twice."""

BLACK = 16
"""An image whose values all lie in this part of the common range shows nothing: it gets its own."""

_TOPS = {255: 8, 1023: 10, 4095: 12, 16383: 14, 65535: 16}


@dataclass(frozen=True)
class Range:
    """The least and the largest value; `scale` is what is drawn black and white."""

    low: float
    high: float
    floats: bool

    def __or__(self, other: Range) -> Range:
        """What holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high), self.floats)

    @property
    def scale(self) -> tuple[float, float]:
        """What becomes 0, and what becomes 255.

        Integers are taken for those of 8, 10, 12, 14 or 16 bits, whatever holds the largest;
        floats for shares of 1 where they are, else their own range is stretched.
        """
        tops = (1,) if self.floats else _TOPS
        if self.low >= 0 and (top := next((t for t in tops if self.high <= t), None)) is not None:
            return 0.0, float(top)
        return self.low, self.high

    def is_black_in(self, common: Range) -> bool:
        """Whether images of this range are all black in another: of 12 bits among ones of 16."""
        low, high = common.scale
        return low == 0 < self.high <= high / BLACK

    @property
    def words(self) -> str:
        """What was done, as a note."""
        low, high = self.scale
        bits = None if self.floats else _TOPS.get(int(high))
        known = bits is not None and low == 0
        name = f"{bits}-bit images" if known else "float images" if self.floats else "32-bit images"
        return f"{name}: {_number(low)} to {_number(high)} became 0 to 255"


@dataclass(frozen=True)
class Ranges:
    """The range of a data set's deep images of integers, and of floats; None where it has none."""

    integers: Range | None = None
    floats: Range | None = None

    def of(self, image: Image.Image) -> Range | None:
        """The one that is meant for an image."""
        return self.floats if image.mode == "F" else self.integers

    @property
    def words(self) -> tuple[str, ...]:
        """What was done, as notes."""
        return tuple(each.words for each in (self.integers, self.floats) if each is not None)


def joined(found: Iterable[Range]) -> Ranges:
    """The ranges that hold all."""
    by_kind: dict[bool, list[Range]] = {False: [], True: []}
    for each in found:
        by_kind[each.floats].append(each)
    whole = {
        kind: functools.reduce(lambda one, other: one | other, all) if all else None
        for kind, all in by_kind.items()
    }
    return Ranges(integers=whole[False], floats=whole[True])


def range_of(image: Image.Image) -> Range:
    """The least and the largest finite value of a deep image."""
    rows = max(1, BAND // image.width)
    ends = []
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        values = _values(band).astype(np.float64)
        finite = values[np.isfinite(values)]
        ends += [finite.min(), finite.max()] if finite.size else []
    return Range(float(min(ends, default=0)), float(max(ends, default=0)), image.mode == "F")


def grey(image: Image.Image, values: Range) -> Image.Image:
    """A deep image in 8 bits; what is no number is black."""
    low, high = values.scale
    deep = np.nan_to_num(_values(image).astype(np.float64), nan=low, posinf=high, neginf=low)
    wide = high - low if high > low else 1.0
    # floor(x + 1/2): a half is rounded up everywhere, not to even.
    shown: NDArray[np.uint8] = np.floor(np.clip((deep - low) / wide, 0.0, 1.0) * 255 + 0.5).astype(
        np.uint8
    )
    return Image.fromarray(shown)


def _values(image: Image.Image) -> NDArray[np.generic]:
    found: NDArray[np.generic] = np.asarray(image)
    return found


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:.6g}"
