"""Parquet files of a run, with the columns that they must have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from radiotracer.errors import RunError

Kinds = Mapping[str, Callable[[pa.DataType], bool]]
"""By column: whether a type will do."""


def is_list_of_integers(kind: pa.DataType) -> bool:
    """Whether values of this type are lists of whole numbers."""
    return bool(pa.types.is_list(kind) and pa.types.is_integer(kind.value_type))


def is_list_of_floats(kind: pa.DataType) -> bool:
    """Whether values of this type are lists of numbers."""
    return bool(pa.types.is_list(kind) and pa.types.is_floating(kind.value_type))


def read_columns(path: Path, kinds: Kinds) -> pa.Table:
    """These columns of one file; none of their values is missing.

    Raises:
        RunError: There is no such file, it cannot be read, or a column is missing, is of another
            type or lacks values.
    """
    try:
        # Not `read_table`, which takes folders and reads meaning into names of folders.
        with path.open("rb") as stream:
            file = pq.ParquetFile(stream)
            table = file.read(list(kinds))
            table.validate(full=True)
            if len(table) != file.metadata.num_rows:
                raise ValueError(f"{len(table)} rows, where it says {file.metadata.num_rows}")
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
        raise RunError(
            expected=f"a Parquet file at {path}",
            came=(str(error) or type(error).__name__)[:300],
            do="record the run again",
        ) from error
    for name, fits in kinds.items():
        if table.column_names.count(name) != 1:
            came = "several" if name in table.column_names else "no such column"
        elif not fits(table[name].type):
            came = f"one of type {table[name].type}"
        elif table[name].null_count:
            came = f"one of which {table[name].null_count} values are missing"
        else:
            continue
        raise RunError(
            expected=f"the column {name} in {path} as it was recorded",
            came=came,
            do="record the run again",
        )
    # Of what a file says of its columns only the types are kept: tables are joined by them.
    return pa.table({name: table[name] for name in kinds})
