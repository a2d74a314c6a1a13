"""Parquet and Arrow files that lie about their rows, pages and types."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from corpus.hostile import Hostile


def image(row: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(row).integers(0, 255, (6, 6), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


IMAGES = [image(row) for row in range(8)]
LABELS = [row % 2 for row in range(8)]


def table(**columns: object) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        whole = {"image": IMAGES, "label": LABELS} | columns
        pq.write_table(pa.table(whole), folder / "data.parquet")
        return folder / "data.parquet"

    return make


def changed(change: Callable[[bytearray], object]) -> Callable[[Path], Path]:
    """A good file, but for some bytes."""

    def make(folder: Path) -> Path:
        path = table()(folder)
        content = bytearray(path.read_bytes())
        change(content)
        path.write_bytes(content)
        return path

    return make


def many_rows(content: bytearray) -> None:
    """The footer (Thrift, compact) says the number of rows as a zigzag varint: 8 is 0x10."""
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    at = footer.rindex(b"\x16\x10")  # an i64 field of the value 8
    footer[at + 1] = 0x7E
    content[-8 - size : -8] = footer


def all_counts(content: bytearray) -> None:
    """Every count of eight, of rows and of values, is 63."""
    size = int.from_bytes(content[-8:-4], "little")
    content[-8 - size : -8] = content[-8 - size : -8].replace(b"\x16\x10", b"\x16\x7e")


def long_footer(content: bytearray) -> None:
    content[-8:-4] = (2**31 - 1).to_bytes(4, "little")


def page_sizes(content: bytearray) -> None:
    """The first page's header: its sizes are the fields after its type."""
    content[6:9] = b"\xff\xff\x7f"


def zeros(content: bytearray) -> None:
    content[4:200] = b"\0" * 196


def features(text: str) -> Callable[[Path], Path]:
    """Metadata of Hugging Face, or what pretends to be."""

    def make(folder: Path) -> Path:
        held = pa.table({"image": IMAGES, "label": LABELS})
        held = held.replace_schema_metadata({"huggingface": text})
        pq.write_table(held, folder / "data.parquet")
        return folder / "data.parquet"

    return make


def arrow(cut: int) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path, held = folder / "data.arrow", pa.table({"image": IMAGES, "label": LABELS})
        with path.open("wb") as stream, pa.ipc.new_file(stream, held.schema) as writer:
            writer.write_table(held)
        path.write_bytes(path.read_bytes()[:-cut])
        return path

    return make


def paths_alone(folder: Path) -> Path:
    """A path is never followed."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = pa.array([{"bytes": None, "path": "/etc/passwd"}] * 8, kind)
    return table(image=images)(folder)


def zeros_at_a_ratio(folder: Path) -> Path:
    """100 MB of zeros for one image, in a small file."""
    held = pa.table({"image": [b"\0" * 100_000_000, *IMAGES[1:]], "label": LABELS})
    pq.write_table(held, folder / "data.parquet", compression="zstd")
    return folder / "data.parquet"


NAMES = {"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}
ONE_NAME = {"info": {"features": {"label": {"names": ["a"], "_type": "ClassLabel"}}}}

CORPUS = [
    Hostile("more rows than there are", "data", changed(many_rows), "", "kept"),
    Hostile("more values than there are", "data", changed(all_counts), "8 rows, where it says 63"),
    Hostile("a footer of 2 GB", "data", changed(long_footer), "a Parquet"),
    Hostile("pages of other sizes", "data", changed(page_sizes), "a Parquet"),
    Hostile("a page of zeros", "data", changed(zeros), "a Parquet"),
    Hostile("no end", "data", changed(lambda content: content.__delitem__(slice(-9, None)))),
    Hostile("nested labels", "data", table(label=[[each] for each in LABELS]), "several labels"),
    Hostile(
        "a label that is missing", "data", table(label=[None, *LABELS[1:]]), "00000", "left out"
    ),
    Hostile("labels of -1", "data", table(label=[-1, *LABELS[1:]]), "", "kept"),
    Hostile("labels of 2**62", "data", table(label=[2**62, *LABELS[1:]]), "", "kept"),
    Hostile("labels that are not finite", "data", table(label=[float("nan")] * 8), "labels"),
    Hostile("nested images", "data", table(image=[[each] for each in IMAGES]), "encoded images"),
    Hostile("paths for images", "data", paths_alone, "none that can be read"),
    Hostile("an image of 100 MB of zeros", "data", zeros_at_a_ratio, "00000", "left out"),
    Hostile("two image columns", "data", table(img=IMAGES), "one column"),
    Hostile(
        "metadata that is no JSON", "data", features("!!python/object:os.system [id]"), "a Parquet"
    ),
    Hostile("metadata of 100,000 brackets", "data", features("[" * 100_000), "a Parquet"),
    Hostile(
        "metadata of other types",
        "data",
        features(json.dumps({"info": [1, {"features": 3}]})),
        "",
        "kept",
    ),
    Hostile(
        "fewer names than labels", "data", features(json.dumps(ONE_NAME)), "labels from 0 to 0"
    ),
    Hostile("Arrow cut short", "data", arrow(40), "a Parquet"),
]
