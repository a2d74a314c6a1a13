"""Examples as the page shows them: PNG one at a time or many small ones in one sheet, and texts."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radiotracer.data import Preview
from radiotracer.errors import InputError
from radiotracer.legible import beginning, visible_lines

Pixels = NDArray[np.uint8]
"""A picture, shape (height, width, 1 or 3), 0 to 255."""

LARGEST_TILE = 64
"""Pixels: larger pictures are reduced to this in sheets."""

LARGEST_PICTURE = 512
"""Pixels: larger pictures are reduced to this when shown alone."""

MOST_TILES = 256
"""In one sheet, or texts in one answer."""

TILE_CHARACTERS, TILE_LINES = 200, 6
"""Of a text in the gallery."""


def tile_size(picture: Pixels) -> tuple[int, int]:
    """Width and height of every tile of a sheet of pictures like this one."""
    height, width, _ = picture.shape
    shrink = min(1.0, LARGEST_TILE / max(height, width))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def sheet(pictures: Sequence[Pixels], tile: tuple[int, int]) -> bytes:
    """A PNG with pictures side by side, left to right, each of this width and height."""
    width, height = tile
    tiles = [_fitted(each, width, height) for each in pictures]
    if len({each.shape[2] for each in tiles}) > 1:
        tiles = [np.broadcast_to(each, (height, width, 3)) for each in tiles]
    return _png(_image(np.concatenate(tiles, axis=1)))


def picture(pixels: Pixels) -> bytes:
    """One picture as PNG; only larger ones are reduced."""
    shown = _image(pixels)
    shown.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE), Image.Resampling.LANCZOS)
    return _png(shown)


def require_picture(preview: Preview) -> Pixels:
    """The picture of an example; `InputError` where it has none."""
    if preview.picture is None:
        raise InputError(
            expected="an example that has a picture", came="a text", do="ask for its text"
        )
    return preview.picture


def words(preview: Preview) -> str | None:
    """The text of an example in which every character can be seen; None where it has none."""
    return None if preview.text is None else visible_lines(preview.text)


def few_words(preview: Preview) -> str | None:
    """As much of it as a tile has room for."""
    if preview.text is None:
        return None
    return visible_lines(beginning(preview.text, characters=TILE_CHARACTERS, lines=TILE_LINES))


def _fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture reduced or enlarged to this size."""
    if pixels.shape[:2] == (height, width):
        return pixels
    small = _image(pixels).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small).reshape(height, width, -1)


def _image(pixels: Pixels) -> Image.Image:
    grey = pixels.shape[2] == 1
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    # Nobody stores these: speed counts, not size.
    image.save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
