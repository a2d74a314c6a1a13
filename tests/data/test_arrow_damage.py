"""Parquet and Arrow files that are damaged, hostile, or of something else."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from arrow_helpers import LABELS, PIXELS, named, png, refused, table, write
from PIL import Image

from radiotracer.data import open_data
from radiotracer.errors import DataError


def bomb() -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99)))


def test_what_cannot_be_read_is_quarantined_by_id(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[0]).save(tmp_path / "secret.png")
    good = png(PIXELS[0])
    rows = [
        {"bytes": good, "path": None},
        {"bytes": good[:-40], "path": None},
        {"bytes": b"no image", "path": None},
        {"bytes": b"", "path": None},
        {"bytes": None, "path": str(tmp_path / "secret.png")},
        None,
        {"bytes": bomb(), "path": None},
        {"bytes": png(PIXELS[1], "JPEG"), "path": None},
    ]
    whole = table(8, labels=[2, 1, 1, 1, 1, 1, 1, 0])
    whole = whole.set_column(0, "image", pa.array(rows, whole.schema.field("image").type))
    found = open_data(str(write(whole, tmp_path / "a.parquet")))
    assert found.ids.tolist() == ["a/00000", "a/00007"] and found.labels.tolist() == [1, 0]
    assert found.class_names == ("0", "2")
    reasons = {each.path: each.reason for each in found.left_out}
    assert list(reasons) == [f"a/0000{row}" for row in range(1, 7)]
    assert reasons["a/00002"] == "no image of a kind that is read"
    assert reasons["a/00004"] == reasons["a/00005"] == "there are no bytes of it in the file"
    assert reasons["a/00006"] == "more than 89,478,485 pixels: save it smaller"
    assert "none that can be read (b/00000: " in refused(
        write(whole.slice(1, 3), tmp_path / "b.parquet")
    )
    assert "none that can be read; " in refused(write(whole.slice(0, 0), tmp_path / "c.parquet"))


@pytest.mark.parametrize("ending", ["parquet", "arrow", "feather"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.9, 0.999])
def test_truncated_files(ending: str, keep: float, tmp_path: Path) -> None:
    path = write(table(), tmp_path / f"a.{ending}")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * keep)])
    assert f"expected a Parquet, Arrow or Feather file in {path}" in refused(path)


def test_a_stream_cut_between_two_batches(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.arrow", table()
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, whole.schema) as stream:
        stream.write_table(whole, max_chunksize=5)
        stream.write_table(whole)
    bytes_of_all = path.read_bytes()
    path.write_bytes(bytes_of_all[:-8])
    assert "it ends before its end" in refused(path)


def test_offsets_that_lead_out_of_the_file(tmp_path: Path) -> None:
    offsets = np.array([0, 50, 10, 60], dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(bytes(60))]
    images = pa.Array.from_buffers(pa.binary(), 3, buffers)
    path = write(pa.table({"image": images, "label": [0, 1, 2]}), tmp_path / "a.arrow")
    assert "one that cannot be read" in refused(path)


def test_random_damage_never_crashes(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for ending in ("parquet", "arrow", "feather"):
        path = write(named(table()), tmp_path / f"a.{ending}")
        whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        for _ in range(60):
            spoiled = whole.copy()
            where = generator.integers(0, len(whole), 8)
            spoiled[where] = generator.integers(0, 256, 8)
            path.write_bytes(spoiled.tobytes())
            try:
                open_data(str(path))
            except DataError:
                continue


Change = Callable[[pa.Table], pa.Table]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.drop(["image"]), "beside the labels in"),
        (lambda t: t.drop(["label"]), "got columns image; pass label_column="),
        (lambda t: t.append_column("img", t["image"]), "both image and img; pass image_column="),
        (lambda t: t.append_column("labels", t["label"]), "both label and labels"),
        (lambda t: t.append_column("image", t["image"]), "columns with different names in"),
        (lambda t: t.set_column(0, "image", t["label"]), "encoded images in"),
        (lambda t: t.set_column(1, "label", [[0.5 * i for i in range(9)]]), "a regression"),
        (lambda t: t.set_column(1, "label", [[[1]] * 9]), "lists such as [1]: several labels"),
        (lambda t: t.set_column(1, "label", [[None] * 9]), "expected labels in"),
        (lambda t: named(t.set_column(1, "label", [[-2, *LABELS[1:]]])), "labels from 0 to 2"),
        (lambda t: t.append_column("id", [[0] * 9]), "unique ids; got 8 repeated"),
        (lambda t: t.append_column("id", [[None, *range(8)]]), "got 1 missing"),
        (lambda t: t.append_column("id", [[0.5] * 9]), "ids of text or integers"),
        (lambda t: t.replace_schema_metadata({b"huggingface": b"{"}), "that cannot be read"),
        (lambda t: named(t, ["low"]), "labels from 0 to 0"),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_bad_columns(change: Change, text: str, ending: str, tmp_path: Path) -> None:
    path = write(change(table()), tmp_path / f"a.{ending}")
    said = refused(path)
    assert text in said and "\n" not in said
