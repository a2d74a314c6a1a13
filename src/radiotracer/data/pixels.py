"""Encoded images, from a file or from bytes, as arrays; what a hostile one can do is kept small."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from PIL import Image

from radiotracer.data.encoded import Crop, Encoded, opened, whole, without_place
from radiotracer.data.modalities.images import Images
from radiotracer.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF")
"""The decoders of Pillow that may run: each one less is one less that a hostile file can reach."""

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff")
)
"""File names that are taken for images, whatever their case."""

LARGEST_SIDE = 4096
"""The largest `image_size`: beyond it a typing error would fill the memory."""

AHEAD = 64
"""Files that threads work on before their results are taken."""

_GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def require_image_size(image_size: int | None) -> None:
    """Raise `DataError` unless it is None or a height and width that images can be resized to."""
    if image_size is not None and not 1 <= image_size <= LARGEST_SIDE:
        raise DataError(
            expected=f"an image size from 1 to {LARGEST_SIDE}",
            came=str(image_size),
            do="pass image_size=32",
        )


@contextlib.contextmanager
def only_alarms() -> Iterator[None]:
    """A file decides what Pillow warns about; only its alarm about huge images matters here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def in_threads(work: Callable[[_In], _Out], items: Sequence[_In]) -> Iterator[_Out]:
    """`work` of each item, in order; of a few ahead of whoever takes them.

    Pillow decodes without the interpreter's lock.
    """
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(items), AHEAD):
            yield from pool.map(work, items[start : start + AHEAD])


def has_colour(encoded: Encoded) -> bool:
    """Whether an image is more than grey; False for what is no image."""
    try:
        with Image.open(opened(whole(encoded)), formats=FORMATS) as image:
            return image.mode not in _GREY
    except Exception:
        return False  # decoding it, if it is in this split, tells why


def decode(encoded: Encoded, colour: bool, image_size: int | None) -> Images | str:
    """Pixels of shape (height, width, 1 or 3), or why there are none.

    Args:
        encoded: Where the image lies, or its bytes, or a box of it.
        colour: Three channels, not one.
        image_size: Resize to this height and width (Lanczos).
    """
    file = whole(encoded)
    try:
        with Image.open(opened(file), formats=FORMATS) as image:
            if image.mode in ("I", "F"):
                return f"its pixels have 32 bits (mode {image.mode}): convert it to 8"
            if image_size is not None and not isinstance(encoded, Crop):
                # JPEG files are decoded at an eighth, quarter or half of their size where that is
                # still twice what is wanted: that saves most of the work.
                image.draft(None, (2 * image_size, 2 * image_size))
            transparent = image.mode == "P" and "transparency" in image.info
            flat = (
                image.crop(_within(encoded.box, image))
                if isinstance(encoded, Crop)
                else image.copy()
            )
        if 0 in flat.size:
            return "its box lies outside of the image"
        if flat.mode.startswith("I;16"):
            flat = Image.fromarray((np.asarray(flat).astype(np.uint16) >> 8).astype(np.uint8))
        elif transparent:
            flat = flat.convert("RGBA")
        flat = flat.convert("RGB" if colour else "L")
        if image_size is not None and flat.size != (image_size, image_size):
            flat = flat.resize((image_size, image_size), Image.Resampling.LANCZOS)
        pixels = np.array(flat, dtype=np.uint8)
        return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    except MemoryError:
        raise
    # Pillow's decoders raise whatever a damaged file drives them to.
    except Exception as error:
        return f"{type(error).__name__}: {without_place(str(error), file)}"


def _within(box: tuple[int, int, int, int], image: Image.Image) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    left, top = max(left, 0), max(top, 0)
    return left, top, max(left, min(right, image.width)), max(top, min(bottom, image.height))
