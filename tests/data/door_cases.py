"""How the cases of `test_door.py` are written: what lies on the disk, and what is read of it."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
from PIL import Image

Make = Callable[[Path], Any]


@dataclass(frozen=True)
class Case:
    """One input.

    Args:
        name: Of the test.
        make: Writes below a folder; returns the data argument, or None for that folder.
        counts: Examples by the name of their class, in the order of the classes.
        refused: Words of the error, where it is refused.
        notes: Beginnings or parts of every note.
        left: Parts of the reason of everything that is left out, by the path.
        validation: The split that validates.
        split: What stands behind the colon.
        options: Of `open_data`.
        kind: Of the examples.
    """

    name: str
    make: Make
    counts: Mapping[str, int] = field(default_factory=dict)
    refused: Sequence[str] = ()
    notes: Sequence[str] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    validation: str | None = None
    split: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    kind: str = "images"


def png(name: str) -> bytes:
    """A small grey picture, another one for each name."""
    stream = io.BytesIO()
    pixels = zlib.crc32(name.encode()).to_bytes(4, "big") * 4
    Image.frombytes("L", (4, 4), pixels).save(stream, "PNG")
    return stream.getvalue()


def put(root: Path, name: str, content: bytes | str) -> Path:
    """Write a file."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pictures(*names: str) -> Make:
    """Write pictures called so, and nothing else."""

    def make(root: Path) -> None:
        for name in names:
            put(root, name, png(name))

    return make


def files(**named: bytes | str) -> Make:
    """Write files; ``__`` stands for a slash and ``_dot_`` for a dot in their names."""
    return written({n.replace("__", "/").replace("_dot_", "."): c for n, c in named.items()})


def written(named: Mapping[str, bytes | str | None]) -> Make:
    """Write files by their names; None is a picture."""

    def make(root: Path) -> None:
        for name, content in named.items():
            put(root, name, png(name) if content is None else content)

    return make


def alone(name: str, content: bytes | str) -> Make:
    """Write one file, which is what is opened."""
    return lambda root: put(root, name, content)


def both(*makes: Make) -> Make:
    """One after the other; the last says what is opened."""

    def make(root: Path) -> Any:
        found = None
        for each in makes:
            found = each(root)
        return found

    return make


def columns(name: str, **values: Any) -> Make:
    """Write a file of columns, of the kind that its ending says."""

    def make(root: Path) -> Path:
        return write_columns(root / name, pa.table(values))

    return make


def write_columns(path: Path, table: pa.Table) -> Path:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".feather":
        feather.write_feather(table, path)
    elif path.suffix == ".arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as stream:
            stream.write_table(table)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        path.write_text(json.dumps(table.to_pylist()))
    return path


REVIEWS = (
    "text,label\nI liked it a lot,good\nnever again please,bad\nquite fine by me,good\n"
    "it was a waste,bad\n"
)
"""Two classes of two texts."""
