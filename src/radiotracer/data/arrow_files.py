"""Parquet, Arrow and Feather files, of which only the columns that are wanted are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from radiotracer.data.npz import most_expanded
from radiotracer.errors import DataError

_END = b"\xff\xff\xff\xff\0\0\0\0"
"""What an Arrow stream ends with."""

_AT_ONCE = 1024
"""Rows that are unpacked at a time."""

FROM_ANY_FILE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RecursionError,
    MemoryError,  # a damaged size
    pa.ArrowException,
)
"""What reading a damaged or hostile file may raise."""

Choose = Callable[[pa.Schema, Path], Sequence[str]]
"""Says which columns are wanted, in which order."""


def read_table(path: Path, choose: Choose) -> pa.Table:
    """The wanted columns of a file; their offsets lie inside of it.

    Raises:
        DataError: A damaged file, or a column that `choose` does not find.
    """
    try:
        with path.open("rb") as stream:
            read = _parquet if path.suffix.lower() == ".parquet" else _ipc
            table = read(stream, path, choose)
            table.validate(full=True)
            return table
    except FROM_ANY_FILE as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> DataError:
    """What a file that cannot be read is answered with."""
    return DataError(
        expected=f"a Parquet, Arrow or Feather file in {path}",
        came=f"one that cannot be read: {(str(error) or type(error).__name__)[:200]}",
        do="write it again",
    )


def _parquet(stream: BinaryIO, path: Path, choose: Choose) -> pa.Table:
    file = pq.ParquetFile(stream)
    columns = choose(file.schema_arrow, path)
    kept = _bounded(file.iter_batches(batch_size=_AT_ONCE, columns=columns), path)
    schema = file.schema_arrow
    wanted = pa.schema([schema.field(each) for each in columns], schema.metadata)
    table = pa.Table.from_batches(kept).select(columns) if kept else wanted.empty_table()
    table = table.replace_schema_metadata(schema.metadata)
    if len(table) != file.metadata.num_rows:
        raise ValueError(f"{len(table)} rows, where it says {file.metadata.num_rows}")
    return table


def _bounded(batches: Iterable[pa.RecordBatch], path: Path) -> list[pa.RecordBatch]:
    """Batches, as long as all of them are no more than a file of this size can be meant to hold."""
    most, size = most_expanded(path), 0
    kept = []
    for batch in batches:
        size += batch.nbytes
        if size > most:
            raise DataError(
                expected=f"columns of at most {most / 1e6:,.0f} MB in {path}, by its size",
                came="more, packed",
                do="write it without compression, if it is yours",
            )
        kept.append(batch)
    return kept


def _ipc(stream: BinaryIO, path: Path, choose: Choose) -> pa.Table:
    """Arrow's file format, which Feather is too, or the stream format of Hugging Face."""
    try:
        file = pa.ipc.open_file(stream)
        batches = (file.get_batch(each) for each in range(file.num_record_batches))
        table = pa.Table.from_batches(_bounded(batches, path), file.schema)
    except pa.ArrowInvalid:
        stream.seek(0)
        reader = pa.ipc.open_stream(stream)
        table = pa.Table.from_batches(_bounded(reader, path), reader.schema)
        stream.seek(-len(_END), os.SEEK_END)
        if stream.read() != _END:
            # Cut between two batches it would be a smaller data set, silently.
            raise ValueError("it ends before its end") from None
    return table.select(choose(table.schema, path))
