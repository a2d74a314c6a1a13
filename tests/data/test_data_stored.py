"""Storing: what is opened from the folder is what was given, and failures leave nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from arrow_helpers import PIXELS, png, table, write
from data_helpers import Draw, write_idx_folder

from radiotracer.data import open_data, save_examples, store_data
from radiotracer.data.decoding import Decoding, decode_all
from radiotracer.data.survey import survey
from radiotracer.errors import DataError, InputError


def test_tables_are_decoded_into_the_file(tmp_path: Path) -> None:
    source = str(write(table(), tmp_path / "mine.parquet"))
    told: list[tuple[str, int, int]] = []
    stored = store_data(source, tmp_path / "out", progress=lambda *what: told.append(what))
    assert stored.digest == open_data(source).digest
    assert stored.source == str(tmp_path / "out") and isinstance(stored.content.base, np.memmap)
    assert told == [("images decoded", row, 9) for row in range(1, 10)]


def test_data_that_are_opened_whole_are_written_too(tmp_path: Path) -> None:
    source = str(write_idx_folder(tmp_path / "idx"))
    stored = store_data(source, tmp_path / "out")
    assert stored.digest == open_data(source).digest and stored.validation == f"{source}:test"


def test_the_file_holds_what_memory_would(tmp_path: Path) -> None:
    encoded = [png(PIXELS[0]), b"no image", None, png(PIXELS[1]), png(PIXELS[2])]
    arguments = {"survey": survey(encoded), "image_size": None}
    held = decode_all(encoded, tmp_path, **arguments)
    mapped = decode_all(encoded, tmp_path, **arguments, decoding=Decoding(tmp_path / "a.npy"))
    np.testing.assert_array_equal(held.images, PIXELS[:3])
    np.testing.assert_array_equal(mapped.images, held.images)
    assert held.left_out == mapped.left_out and list(held.left_out) == [1, 2]
    assert "no bytes" in held.left_out[2]
    assert held.originals == [encoded[0], *encoded[3:]]


def test_more_images_than_are_decoded_ahead(tmp_path: Path) -> None:
    encoded = [png(PIXELS[row % 9]) for row in range(150)]
    found = decode_all(encoded, tmp_path, survey=survey(encoded), image_size=None)
    np.testing.assert_array_equal(found.images, PIXELS[np.arange(150) % 9])


def test_sizes_are_told_even_where_memory_for_all_cannot_be_had(tmp_path: Path) -> None:
    wide, high = (png(np.zeros((*size, 3), np.uint8)) for size in ((2000, 2000), (2000, 1999)))
    encoded = [wide, high, *[None] * 200_000]  # of the size of the first: 2.4 TB
    with pytest.raises(DataError, match="2 sizes"):
        decode_all(encoded, tmp_path, survey=survey(encoded[:1]), image_size=None)
    found = decode_all([wide, *encoded[2:]], tmp_path, survey=survey(encoded[:1]), image_size=None)
    assert found.images.shape == (1, 2000, 2000, 3) and len(found.left_out) == 200_000


@pytest.mark.parametrize("spoilt", ["unreadable", "sizes"])
def test_failures_leave_nothing(draw: Draw, tmp_path: Path, spoilt: str) -> None:
    first = draw("a/1.png")
    if spoilt == "unreadable":
        first.write_text("no image")
    else:
        draw("a/2.png", size=(9, 9))
    before = set(tmp_path.iterdir())
    with pytest.raises(DataError) as caught:
        store_data(str(tmp_path / "tree"), tmp_path / "out")
    with pytest.raises(DataError) as opened:
        open_data(str(tmp_path / "tree"))
    assert str(caught.value) == str(opened.value)
    assert set(tmp_path.iterdir()) == before


def test_a_saved_folder_is_not_stored_again(tmp_path: Path) -> None:
    source = str(write(table(), tmp_path / "mine.parquet"))
    (tmp_path / "saved").mkdir()
    save_examples(open_data(source), tmp_path / "saved")
    with pytest.raises(InputError, match="use it as it is"):
        store_data(str(tmp_path / "saved"), tmp_path / "out")
    with pytest.raises(InputError, match="pass overwrite=True"):
        store_data(source, tmp_path / "saved")
    assert store_data(source, tmp_path / "saved", overwrite=True).digest
