"""Parquet and Arrow files from the command line: train, scan, review, and the cleaned data."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from PIL import Image

from radiotracer.cli import run
from radiotracer.data import Dataset, open_data
from radiotracer.review.board import Board, identity_of, match
from radiotracer.review.export import export
from radiotracer.review.scanned import read_scan
from radiotracer.review.store import FILE, Store


def tables(root: Path, *, n: int = 60, folder: bool = False) -> Path:
    """Images of two sizes in two classes, as one file or as a folder of splits."""
    generator = np.random.default_rng(0)
    encoded = []
    for row in range(n):
        pixels = generator.integers(0, 90, (10 + row % 3, 10), dtype=np.uint8)
        pixels[4 * (row % 2) : 4 * (row % 2) + 3] += 120
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, format="PNG")
        encoded.append(stream.getvalue())
    whole = pa.table({"image": encoded, "label": [["even", "odd"][row % 2] for row in range(n)]})
    if not folder:
        pq.write_table(whole, root / "mine.parquet")
        return root / "mine.parquet"
    (root / "set").mkdir()
    pq.write_table(whole.slice(0, n - 20), root / "set" / "train-00000-of-00001.parquet")
    pq.write_table(whole.slice(n - 20), root / "set" / "test-00000-of-00001.parquet")
    return root / "set"


@pytest.mark.parametrize("folder", [False, True])
def test_train_scan_and_export(folder: bool, tmp_path: Path) -> None:
    data = str(tables(tmp_path, folder=folder))
    out, found = str(tmp_path / "run"), tmp_path / "scan"
    train = ["train", data, "--architecture", "small-cnn", "--width", "2"]
    train += ["--epochs", "1", "--batch-size", "8"]
    assert run([*train, "--out", out]) == 2
    assert run([*train, "--image-size", "10", "--out", out]) == 0
    assert run(["scan", out, "--top-k", "3", "--out", str(found)]) == 1
    scanned = read_scan(found)
    assert len(scanned) == (40 if folder else 60)
    examples = open_data(data, image_size=10)
    store = Store(found / FILE, identity_of(scanned))
    board = Board(scanned, examples, match(scanned, examples), store)
    board.decide(0, "drop", None, 0)
    store.close()
    assert run(["review", str(found), "--export", str(tmp_path / "cleaned")]) == 0
    cleaned = open_data(str(tmp_path / "cleaned" / "data"), image_size=10)
    assert set(examples.ids.tolist()) - set(cleaned.ids.tolist()) == {scanned.ids[0]}
    text = (tmp_path / "cleaned" / "CHANGES.md").read_text()
    assert "Format: image-tables. A column id was added, so that every row keeps its id." in text


Made = Callable[[str], tuple[Path, Dataset]]


def test_the_note_says_why(scanned_as: Made, tmp_path: Path) -> None:
    whole = pq.read_table(tables(tmp_path))
    one_size = whole.take([row for row in range(60) if row % 3 == 0])
    feather.write_feather(one_size, tmp_path / "mine.feather")
    folder, examples = scanned_as(str(tmp_path / "mine.feather"))
    scanned = read_scan(folder)
    store = Store(folder / FILE, identity_of(scanned))
    board = Board(scanned, examples, match(scanned, examples), store)
    board.decide(0, "drop", None, 0)
    done = export(scanned, examples, store, tmp_path / "out")
    store.close()
    assert done.kind == "saved-folder"
    assert done.note == "Written as a saved folder, because Arrow files are only read."
