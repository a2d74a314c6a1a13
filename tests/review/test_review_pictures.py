"""Tiles and pictures of originals: their shape is kept, and small ones stay exact."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from radiotracer.review.pictures import sent, sheet, tile_of, tile_size


def plain(width: int, height: int, value: int = 90, channels: int = 3) -> np.ndarray:
    return np.full((height, width, channels), value, np.uint8)


def test_pictures_of_one_size_fill_their_tiles() -> None:
    pictures = [plain(10, 6, value, 1) for value in (1, 2)]
    tile = tile_size(pictures)
    assert tile == (10, 6)
    image = Image.open(io.BytesIO(sheet([tile_of(each, tile) for each in pictures])))
    assert (image.size, image.mode) == ((20, 6), "L")
    assert np.asarray(image)[0].tolist() == [1] * 10 + [2] * 10


def test_other_shapes_stand_in_the_middle_and_are_clear_around() -> None:
    pictures = [plain(640, 320), plain(100, 400, 50), plain(20, 10, 7, 1)]
    tile = tile_size(pictures)
    assert tile == (128, 128)
    whole = np.asarray(Image.open(io.BytesIO(sheet([tile_of(each, tile) for each in pictures]))))
    assert whole.shape == (128, 384, 4)
    covered = [whole[:, start : start + 128, 3] > 0 for start in (0, 128, 256)]
    assert [(each.any(0).sum(), each.any(1).sum()) for each in covered] == [
        (128, 64),
        (32, 128),
        (20, 10),
    ]
    assert (whole[32:96, :128, :3] == 90).all() and covered[0][32:96].all()
    assert (whole[64, 300:330, :3][covered[2][64, 44:74]] == 7).all(), "grey beside colour"


@pytest.mark.parametrize(("size", "kind"), [((128, 90), "image/png"), ((900, 1200), "image/jpeg")])
def test_small_pictures_are_sent_exactly(size: tuple[int, int], kind: str) -> None:
    content, said = sent(plain(*size))
    image = Image.open(io.BytesIO(content))
    assert said == kind == Image.MIME[image.format or ""]
    assert image.size == ((128, 90) if kind == "image/png" else (480, 640))
