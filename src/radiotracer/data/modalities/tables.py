"""Tables: rows of numbers and categories, all with the same columns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.modality import MODALITIES, Labelled, Preview, Rows
from radiotracer.data.parquet import read_kept, write_kept
from radiotracer.data.table import (
    Column,
    Table,
    column_of,
    described,
    problem_of,
    schema_digest,
)
from radiotracer.errors import DataError
from radiotracer.files import atomic_file

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor


FILE = "rows.parquet"
"""Where `save` puts the rows."""

SHOWN = 40
"""Columns of a row that people are shown."""

_SCHEMA = "columns"
_AT_ONCE = 1 << 12


class TableModality:
    """Content: a `Table`."""

    name = "tables"
    noun = "row"
    task: str | None = "tabular-classification"

    def require(self, content: Table, source: str) -> None:
        """Raise `DataError` unless every value fits its column."""
        problem = problem_of(content)
        if problem:
            raise DataError(
                expected="a Table: columns of other names, and a float64 value for each row and "
                "column",
                came=f"{problem} from {source}",
                do="repair it",
            )

    def length(self, content: Table) -> int:
        """How many rows."""
        return len(content)

    def take(self, content: Table, rows: NDArray[np.int64]) -> Table:
        """Some rows, under the same columns."""
        return Table(content.columns, content.values[rows])

    def put(self, content: Table, rows: NDArray[np.int64], new: Table) -> Table:
        """A copy with other rows, which must have the same columns."""
        if new.columns != content.columns:
            raise DataError(
                expected="rows with the same columns", came=repr(new), do="open both like= one"
            )
        values = content.values.copy()
        values[rows] = new.values
        return Table(content.columns, values)

    def hashes(self, content: Table) -> Iterator[bytes]:
        """SHA-256 of each row: the names and kinds of the columns, and the values.

        A category counts by its text, and neither the other categories nor what networks are given
        count: a row is the same row in any selection of the data.
        """
        names = json.dumps([[column.name, column.kind] for column in content.columns])
        header = hashlib.sha256(names.encode()).digest()
        for start in range(0, len(content), _AT_ONCE):
            values = content.values[start : start + _AT_ONCE]
            cells = [_cells(values[:, at], column) for at, column in enumerate(content.columns)]
            for row in np.concatenate(cells, axis=1):
                yield hashlib.sha256(header + row.tobytes()).digest()

    def inputs(self, content: Table, rows: Rows) -> Tensor:
        """float32, shape (n, width): column by column what `Column` says.

        A number less its column's mean, divided by its standard deviation (0 where it is missing);
        a category as one 1 among 0s (only 0s where it is missing); and after each of them, where
        its column may miss values, a 1 if it does.
        """
        import torch

        values = content.values[rows if isinstance(rows, slice) else np.asarray(rows)]
        parts: list[NDArray[Any]] = []
        for place, column in enumerate(content.columns):
            given = values[:, place]
            absent = np.isnan(given)
            if column.categories is None:
                scaled = (given - column.mean) / column.std
                parts.append(np.where(absent, 0.0, scaled)[:, np.newaxis])
            else:
                parts.append(given[:, np.newaxis] == np.arange(len(column.categories)))
            if column.missing:
                parts.append(absent[:, np.newaxis])
        joined = np.concatenate(parts, axis=1, dtype=np.float32)
        return torch.from_numpy(joined)

    def shape(self, content: Table) -> dict[str, int | str]:
        """The width, and the digest of the columns: rows under others do not belong to these."""
        width = sum(column.width for column in content.columns)
        return {"width": width, "columns": schema_digest(content.columns)}

    def show(self, content: Table, row: int) -> Preview:
        """``name: value``, one line per column."""
        lines = [
            f"{column.name}: {_shown(content.cell(row, place))}"
            for place, column in enumerate(content.columns[:SHOWN])
        ]
        more = len(content.columns) - SHOWN
        return Preview(text="\n".join(lines + [f"and {more:,} more"] * (more > 0)))

    def to_json(self, content: Table, rows: Rows) -> list[Any]:
        """One object per row: values by the names of their columns, null where missing."""
        chosen = range(len(content))[rows] if isinstance(rows, slice) else map(int, rows)
        return [
            {column.name: content.cell(row, at) for at, column in enumerate(content.columns)}
            for row in chosen
        ]

    def save(self, data: Labelled, folder: Path) -> None:
        """Write a Parquet file of the columns as they are, with the ids and the labels."""
        import pyarrow as pa

        table: Table = data.content
        columns: dict[str, pa.Array] = {}
        for place, column in enumerate(table.columns):
            values, absent = table.values[:, place], np.isnan(table.values[:, place])
            if column.categories is None:
                columns[column.name] = pa.array(values, pa.float64(), mask=absent)
            else:
                codes = pa.array(np.where(absent, 0, values).astype(np.int64), mask=absent)
                columns[column.name] = pa.array(column.categories, pa.string()).take(codes)
        schema = json.dumps([described(column) for column in table.columns])
        with atomic_file(folder / FILE) as temporary:
            write_kept(temporary, columns, data, {_SCHEMA: schema})

    def load(self, folder: Path) -> Table:
        """The rows of that file."""
        path = folder / FILE
        kept = read_kept(path)
        try:
            columns = tuple(column_of(each) for each in json.loads(kept.about[_SCHEMA]))
            values = np.empty((len(kept.table), len(columns)), dtype=np.float64)
            for place, column in enumerate(columns):
                given = kept.table[column.name].combine_chunks()
                values[:, place] = _values(given, column)
            return Table(columns, values)
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                expected=f"the rows of a table in {path}",
                came=f"{type(error).__name__}: {str(error)[:200]}",
                do="make the folder anew",
            ) from error


TABLES = MODALITIES.register(TableModality())


def _cells(values: NDArray[np.float64], column: Column) -> NDArray[np.uint8]:
    """Bytes that stand for each value of a column, shape (n, 9 or 33): all 0 where it is missing.

    A number is itself (-0.0 and 0.0 are the same), a category the SHA-256 of its text.
    """
    absent = np.isnan(values)
    if column.categories is None:
        numbers = np.ascontiguousarray(values + 0.0, dtype=">f8")
        content = numbers.view(np.uint8).reshape(-1, 8)
    else:
        texts = [hashlib.sha256(each.encode()).digest() for each in (*column.categories, "")]
        known = np.frombuffer(b"".join(texts), np.uint8).reshape(-1, 32)
        content = known[np.where(absent, -1, values).astype(np.int64)]
    there = (~absent)[:, np.newaxis]
    return np.concatenate([there, content * there], axis=1, dtype=np.uint8)


def _shown(cell: float | str | None) -> str:
    if cell is None:
        return "(missing)"
    text = cell if isinstance(cell, str) else repr(int(cell) if cell.is_integer() else cell)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _values(given: pa.Array, column: Column) -> NDArray[np.float64]:
    """A column of Arrow as `Table` has it; `ValueError` for what is none of its categories."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.categories is not None:
        places = pc.index_in(given, value_set=pa.array(column.categories, pa.string()))
        if places.null_count > given.null_count:
            raise ValueError(f"a value that is no category of {column.name}")
        given = places
    found: NDArray[np.float64] = given.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found
