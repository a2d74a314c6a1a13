"""Examples as the page shows them: one at a time or many small ones in one sheet, and texts."""

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

LARGEST_TILE = 128
"""Pixels: larger pictures are reduced to this in sheets."""

LARGEST_PICTURE = 640
"""Pixels: larger pictures are reduced to this when shown alone."""

EXACT_PICTURE = 128
"""Pixels: what is not larger is sent pixel for pixel."""

MOST_TILES = 256
"""In one sheet, or texts in one answer."""

TILE_CHARACTERS, TILE_LINES = 200, 6
"""Of a text in the gallery."""


def tile_size(pictures: Sequence[Pixels]) -> tuple[int, int]:
    """Width and height of every tile of a sheet of pictures like these."""
    sizes = [_within(each, LARGEST_TILE, LARGEST_TILE) for each in pictures]
    return max(width for width, _ in sizes), max(height for _, height in sizes)


def tile_of(picture: Pixels, tile: tuple[int, int]) -> Pixels:
    """A picture in the middle of a tile, its shape kept; where it does not reach, it is clear.

    Shape (height, width, 1 or 3), or 4 where the tile is not filled.
    """
    width, height = _within(picture, *tile)
    small: Pixels = picture
    if picture.shape[:2] != (height, width):
        reduced = _image(picture).resize((width, height), Image.Resampling.BOX)
        small = np.asarray(reduced).reshape(height, width, -1)
    if (width, height) == tile:
        return small
    whole = np.zeros((tile[1], tile[0], 4), dtype=np.uint8)
    left, top = (tile[0] - width) // 2, (tile[1] - height) // 2
    whole[top : top + height, left : left + width, :3] = small
    whole[top : top + height, left : left + width, 3] = 255
    return whole


def sheet(tiles: Sequence[Pixels]) -> bytes:
    """A PNG with tiles side by side, left to right."""
    depth = max(each.shape[2] for each in tiles)
    return _png(_image(np.concatenate([_with_channels(each, depth) for each in tiles], axis=1)))


def picture(pixels: Pixels) -> bytes:
    """One picture as PNG; only larger ones are reduced."""
    shown = _image(pixels)
    shown.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE), Image.Resampling.LANCZOS)
    return _png(shown)


def sent(pixels: Pixels) -> tuple[bytes, str]:
    """One picture as the page is sent it, and its media type: small ones pixel for pixel."""
    if max(pixels.shape[:2]) <= EXACT_PICTURE:
        return picture(pixels), "image/png"
    stream = io.BytesIO()
    shown = _image(pixels).convert("RGB")
    shown.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE), Image.Resampling.LANCZOS)
    shown.save(stream, format="JPEG", quality=85)
    return stream.getvalue(), "image/jpeg"


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


def _within(picture: Pixels, width: int, height: int) -> tuple[int, int]:
    """Width and height of a picture made to fit; never enlarged."""
    high, wide, _ = picture.shape
    shrink = min(1.0, width / wide, height / high)
    return max(1, round(wide * shrink)), max(1, round(high * shrink))


def _with_channels(tile: Pixels, depth: int) -> Pixels:
    """A tile of grey, colour, or colour and coverage as one that has `depth` of these."""
    if tile.shape[2] == depth:
        return tile
    colour = np.broadcast_to(tile, (*tile.shape[:2], 3))
    if depth == 3:
        return colour
    return np.concatenate([colour, np.full((*tile.shape[:2], 1), 255, np.uint8)], axis=2)


def _image(pixels: Pixels) -> Image.Image:
    grey = pixels.shape[2] == 1
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    # Nobody stores these: speed counts, not size.
    image.save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
