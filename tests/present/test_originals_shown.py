"""Pages show the file itself: turned, its shape kept; the pixels where it is gone."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from radiotracer.data import Dataset, open_data
from radiotracer.present.previews import seen
from radiotracer.present.thumbnails import picture_size

WIDE = (1500, 500)


@pytest.fixture
def photos(tmp_path: Path) -> Dataset:
    """Left red, right blue; the second is stored on its side, the third has 40 x 30 pixels."""
    wide = Image.new("RGB", WIDE, (0, 0, 200))
    wide.paste((220, 0, 0), (0, 0, 750, 500))
    (tmp_path / "photos/a").mkdir(parents=True)
    wide.save(tmp_path / "photos/a/0.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    wide.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "photos/a/1.jpg", exif=exif)
    wide.resize((40, 30)).save(tmp_path / "photos/a/2.png")
    return open_data(str(tmp_path / "photos"), image_size=32)


@pytest.mark.parametrize("row", [0, 1])
def test_thumbnails_are_of_the_file(photos: Dataset, row: int) -> None:
    shown = seen(photos, row)
    assert shown["thumbnail"] is not None and picture_size(shown["thumbnail"]) == (256, 85)
    content = base64.b64decode(shown["thumbnail"].partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
    assert (np.abs(pixels[:, :110] - (220, 0, 0)) < 40).all()
    assert (np.abs(pixels[:, 146:] - (0, 0, 200)) < 40).all()
    assert shown["path"] == str(Path(photos.source) / f"a/{row}.jpg")
    assert photos.show(row).picture.shape == (213, 640, 3)


def test_small_files_are_not_enlarged(photos: Dataset) -> None:
    shown = seen(photos, 2)["thumbnail"]
    assert shown is not None and shown.startswith("data:image/png;")
    assert picture_size(shown) == (40, 30)


def test_a_file_that_is_gone_is_shown_by_its_pixels(photos: Dataset) -> None:
    Path(photos.source, "a/0.jpg").unlink()
    shown = photos.show(0)
    np.testing.assert_array_equal(shown.picture, photos.content[0])
    assert shown.path is None


def test_what_is_put_in_the_place_of_some_is_shown(photos: Dataset) -> None:
    other = photos.with_content(np.array([0]), np.zeros((1, 32, 32, 3), np.uint8))
    assert not other.show(0).picture.any() and other.show(0).picture.shape == (32, 32, 3)


def test_originals_stay_with_their_rows(photos: Dataset) -> None:
    assert photos.take([2, 0]).show(0).picture.shape == (30, 40, 3)
