"""Photographs are decoded at a part of their size where that is enough; boxes of them are not."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from radiotracer.data.encoded import Crop
from radiotracer.data.pixels import Look, decode, square


def photograph() -> bytes:
    """A smooth picture of 960 x 720 pixels, its upper left corner black."""
    down, right = np.mgrid[:720, :960]
    waves = 128 + 90 * np.sin(down / 90) * np.cos(right / 70)
    colours = np.stack([waves, waves[::-1], waves], axis=2)
    colours[:80, :80] = 0
    stream = io.BytesIO()
    image = Image.fromarray(colours.astype(np.uint8))
    image.save(stream, "JPEG", quality=95)
    return stream.getvalue()


def test_a_part_of_the_size_shows_the_same() -> None:
    encoded = photograph()
    small = decode(encoded, Look(True, square(32)))
    with Image.open(io.BytesIO(encoded)) as image:
        whole = np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.LANCZOS))
    assert isinstance(small, np.ndarray)
    apart = np.abs(small.astype(int) - whole)
    assert apart.mean() < 1, "grey levels"
    assert apart.max() <= 4, "where the corner ends"


def test_boxes_are_in_pixels_of_the_whole() -> None:
    corner = decode(Crop(photograph(), (0, 0, 72, 72)), Look(False, square(16)))
    assert isinstance(corner, np.ndarray)
    assert corner.max() < 10
