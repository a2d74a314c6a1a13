"""Examples as PNG: one at a time, or many small ones in one sheet."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from radiotracer.data import Images

LARGEST_TILE = 64
"""Pixels: larger images are reduced to this in sheets."""

LARGEST_PICTURE = 512
"""Pixels: larger images are reduced to this when shown alone."""

MOST_TILES = 256
"""In one sheet."""


def tile_size(images: Images) -> tuple[int, int]:
    """Width and height of every tile of a sheet of these images."""
    _, height, width, _ = images.shape
    shrink = min(1.0, LARGEST_TILE / max(height, width))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def sheet(images: Images, rows: Sequence[int]) -> bytes:
    """A PNG with the images at `rows` side by side, left to right, each of `tile_size`."""
    width, height = tile_size(images)
    chosen = images[np.asarray(rows, dtype=np.int64)]
    if chosen.shape[1:3] != (height, width):
        small = [_image(each).resize((width, height), Image.Resampling.BOX) for each in chosen]
        chosen = np.stack([np.asarray(each).reshape(height, width, -1) for each in small])
    strip = chosen.transpose(1, 0, 2, 3).reshape(height, len(chosen) * width, -1)
    return _png(_image(strip))


def picture(image: NDArray[np.uint8]) -> bytes:
    """One image as PNG; only larger ones are reduced."""
    shown = _image(image)
    shown.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE), Image.Resampling.LANCZOS)
    return _png(shown)


def _image(pixels: NDArray[np.uint8]) -> Image.Image:
    grey = pixels.shape[2] == 1
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    # Nobody stores these: speed counts, not size.
    image.save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
