"""Encoded images, from a file or from bytes, as arrays; what a hostile one can do is kept small."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from radiotracer.data.examples import Images
from radiotracer.errors import DataError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM", "TIFF")
"""The decoders of Pillow that may run: each one less is one less that a hostile file can reach."""

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
            do="pass --image-size 32",
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


def has_colour(file: Path | bytes) -> bool:
    """Whether an image is more than grey; False for what is no image."""
    try:
        with Image.open(_opened(file), formats=FORMATS) as image:
            return image.mode not in _GREY
    except Exception:
        return False  # decoding it, if it is in this split, tells why


def decode(file: Path | bytes, colour: bool, image_size: int | None) -> Images | str:
    """Pixels of shape (height, width, 1 or 3), or why there are none.

    Args:
        file: Where the image lies, or its bytes.
        colour: Three channels, not one.
        image_size: Resize to this height and width (Lanczos).
    """
    try:
        with Image.open(_opened(file), formats=FORMATS) as image:
            if image.mode.startswith("I;16"):
                high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
                flat = Image.fromarray(high)
            elif image.mode in ("I", "F"):
                return f"its pixels have 32 bits (mode {image.mode}): convert it to 8"
            elif image.mode == "P" and "transparency" in image.info:
                flat = image.convert("RGBA")
            else:
                flat = image.copy()
        flat = flat.convert("RGB" if colour else "L")
        if image_size is not None and flat.size != (image_size, image_size):
            flat = flat.resize((image_size, image_size), Image.Resampling.LANCZOS)
        pixels = np.array(flat, dtype=np.uint8)
        return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    except MemoryError:
        raise
    # Pillow's decoders raise whatever a damaged file drives them to.
    except Exception as error:
        return f"{type(error).__name__}: {_without_place(str(error), file)}"


def _opened(file: Path | bytes) -> Path | BytesIO:
    return BytesIO(file) if isinstance(file, bytes) else file


def _without_place(text: str, file: Path | bytes) -> str:
    """Neither the folder, which is private, nor an address in memory, which is never the same."""
    if isinstance(file, bytes):
        return re.sub(r"<_io\.BytesIO[^>]*>", "its bytes", text)
    return text.replace(str(file), file.name)
