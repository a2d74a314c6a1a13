"""Zip files, Parquet and Arrow with other contents than were meant, packed as they should be."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_MOST_MEMBERS = 64


def mutated_zip(content: bytes, again: Callable[[bytes], bytes], rng: random.Random) -> bytes:
    """A zip file with one member changed, renamed, left out, repeated, or packed in another way.

    Args:
        content: The file.
        again: Changes the content of a member.
        rng: Decides.

    Raises:
        Exception: It is no zip file, or a damaged one.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(each.filename, archive.read(each)) for each in archive.infolist()]
    at = rng.randrange(len(members))
    name, value = members[at]
    way = rng.randrange(8)
    if way <= 3:
        members[at] = (name, again(value))
    elif way == 4:
        members[at] = (rng.choice(("", "../x.npy", "x.npy", f"{name}x", "/x", "é.npy")), value)
    elif way == 5:
        del members[at]
    elif way == 6:
        members[at] = (name, rng.choice((b"", b"{}", b"text", rng.choice(members)[1])))
    packing = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    if way == 7:
        packing = rng.choice((zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for name, value in members[:_MOST_MEMBERS]:
            archive.writestr(name, value)
    return stream.getvalue()


def mutated_parquet(content: bytes, rng: random.Random) -> bytes:
    """A Parquet file with a column of other values, another type, or another name.

    Raises:
        Exception: It is no Parquet file, or cannot hold such a column.
    """
    table = mutated_table(pq.ParquetFile(io.BytesIO(content)).read(), rng)
    stream = io.BytesIO()
    pq.write_table(table, stream, compression=rng.choice(("none", "zstd")))
    return stream.getvalue()


def mutated_arrow(content: bytes, rng: random.Random) -> bytes:
    """The same for Arrow's file format.

    Raises:
        Exception: As for `mutated_parquet`.
    """
    table = mutated_table(pa.ipc.open_file(io.BytesIO(content)).read_all(), rng)
    stream = io.BytesIO()
    with pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def mutated_table(table: pa.Table, rng: random.Random) -> pa.Table:
    """A table with one column changed, or other rows."""
    table.validate(full=True)  # what follows trusts offsets, and would end the process
    at = rng.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at)
    way = rng.randrange(6)
    if way == 0:
        return table.remove_column(at)
    if way == 1:
        new = rng.choice(("", "id", f"{name}x", *table.column_names))
        return table.rename_columns(
            [new if row == at else each for row, each in enumerate(table.column_names)]
        )
    if way == 2:
        rows = [rng.randrange(len(table)) for _ in range(rng.choice((0, 1, len(table))))]
        return table.take(pa.array(rows, pa.int64()))
    if way == 3:
        return table.set_column(at, name, column.cast(rng.choice(_TYPES)))
    if way == 4 and not pa.types.is_map(column.type):  # a missing entry of a map ends the process
        values = column.to_pylist()
        for _ in range(rng.choice((1, 1, 3))):
            values[rng.randrange(len(values))] = _odd(values, rng)
        return table.set_column(at, name, pa.array(values, column.type))
    return table.set_column(at, name, rng.choice(_COLUMNS)(len(table)))


def _odd(values: list[Any], rng: random.Random) -> Any:
    """Of the same type, as far as that can be said, or missing."""
    choices: list[Any] = [None, rng.choice(values)]
    first = next((each for each in values if each is not None), None)
    if isinstance(first, bool):
        choices += [not first]
    elif isinstance(first, int):
        choices += [-1, 0, 1, 2**31, 2**63 - 1, -(2**63)]
    elif isinstance(first, float):
        choices += [float("nan"), float("inf"), -0.0, 1e308]
    elif isinstance(first, str):
        choices += ["", "\0", "é", "a\nb", "\x1b[2J", "x" * 300, "../x", "0" * 64]
    elif isinstance(first, bytes):
        choices += [b"", b"\0" * 10, first[: len(first) // 2], first * 2]
    elif isinstance(first, list):
        choices += [[], first * 2, [None]]
    return rng.choice(choices)


_TYPES = (
    pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.int8(), pa.uint8(),
    pa.int32(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.bool_(),
    pa.decimal128(20, 2), pa.timestamp("s"), pa.timestamp("ns", tz="UTC"), pa.date32(),
    pa.duration("s"), pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.int64()),
)  # fmt: skip
_COLUMNS: tuple[Callable[[int], pa.Array], ...] = (
    pa.nulls,
    lambda n: pa.nulls(n, pa.string()),
    lambda n: pa.array(["x"] * n),
    lambda n: pa.array([f"{row}" for row in range(n)]),
    lambda n: pa.array([b"\xff\xfe"] * n),
    lambda n: pa.array(range(n), pa.int64()),
    lambda n: pa.array([-1] * n, pa.int64()),
    lambda n: pa.array([2**64 - 1] * n, pa.uint64()),
    lambda n: pa.array([2**62] * n, pa.int64()),
    lambda n: pa.array([float("nan")] * n),
    lambda n: pa.array([True, False] * n)[:n],
    lambda n: pa.array([[1, 2]] * n),
    lambda n: pa.array([["a", "b"]] * n),
    lambda n: pa.array([list(range(row % 3)) for row in range(n)], pa.list_(pa.int64())),
    lambda n: pa.array([[None, 1.5]] * n),
    lambda n: pa.array([{"bytes": b"", "path": "x"}] * n),
    lambda n: pa.array([{"a": {"b": [1]}}] * n),
    lambda n: pa.array([[(1, 2)]] * n, pa.map_(pa.int64(), pa.int64())),
    lambda n: pa.array([2**62] * n, pa.int64()).cast(pa.timestamp("s")),
    lambda n: pa.array([2**62] * n, pa.int64()).cast(pa.duration("s")),
    lambda n: pa.array([2**31 - 1] * n, pa.int32()).cast(pa.date32()),
    lambda n: pa.array(["x"] * n).dictionary_encode(),
)
