"""Reading which training examples are known to be clean: a list of ids, or a reviewed sample."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from radiotracer.detectors import Reference
from radiotracer.errors import DataError

COLUMNS = {"id": pa.string(), "decision": pa.string(), "sampled": pa.bool_()}
"""What is read of a table; `id` must be there."""


def read_reference(path: str | os.PathLike[str], ids: NDArray[np.str_]) -> Reference:
    """The reference that a file names.

    Args:
        path: ``.txt``: one id per line. ``.csv`` or ``.parquet``: a column ``id``, and where there
            are the columns ``decision`` and ``sampled``, only rows that a person decided to keep
            ("keep") and that are of a random sample (true) count.
        ids: Of the training examples, shape (n,).

    Raises:
        DataError: The file cannot be read, names no example or an unknown one or one twice, or has
            no column `id`, or another type in a column.
    """
    path = Path(path)
    named = _names(path)
    if not named:
        raise DataError(
            expected=f"reference examples in {path}", came="none", do="review a random sample"
        )
    rows = {name: row for row, name in enumerate(ids.tolist())}
    unknown = [name for name in named if name not in rows]
    if unknown:
        raise DataError(
            expected=f"ids of training examples in {path}",
            came=f"{len(unknown):,} others, first {unknown[0]!a}",
            do="take the ids from ranking.parquet or scores.parquet",
        )
    twice = [name for name, count in Counter(named).items() if count > 1]
    if twice:
        raise DataError(
            expected=f"every id once in {path}",
            came=f"{len(twice):,} repeated, first {twice[0]!a}",
            do="leave out the repetitions",
        )
    return Reference(np.array([rows[name] for name in named], dtype=np.int64), str(path))


def _names(path: Path) -> list[str]:
    kind = path.suffix.lower()
    if kind not in (".txt", ".csv", ".parquet"):
        raise DataError(
            expected="a reference in a .txt, .csv or .parquet file", came=str(path), do="write one"
        )
    try:
        if kind == ".txt":
            lines = path.read_text(encoding="utf-8").splitlines()
            return [line for line in lines if line.strip()]
        if kind == ".csv":
            # Ids are texts, also where they look like numbers.
            table = pa_csv.read_csv(
                path, convert_options=pa_csv.ConvertOptions(column_types=COLUMNS)
            )
        else:
            # Not `read_table`, which takes folders and reads meaning into names of folders.
            with path.open("rb") as stream:
                table = pq.ParquetFile(stream).read()
            table.validate(full=True)
        columns = {name: table[name].cast(COLUMNS[name]) for name in _columns(table, path)}
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        raise DataError(
            expected=f"a reference that can be read in {path}",
            came=f"{type(error).__name__}: {str(error)[:300]}",
            do="check the path, and that the columns are texts, texts and truth values",
        ) from error
    ids = columns["id"]
    if "sampled" in columns:
        # Where either is null, the row is not kept.
        ids = ids.filter(pc.and_(pc.equal(columns["decision"], "keep"), columns["sampled"]))
    if ids.null_count:
        raise DataError(
            expected=f"an id in every row of {path}", came=f"{ids.null_count} nulls", do="fill them"
        )
    return [str(name) for name in ids.to_pylist()]


def _columns(table: pa.Table, path: Path) -> list[str]:
    """Those that are there, if they say enough."""
    there = [name for name in COLUMNS if name in table.column_names]
    if there not in (["id"], list(COLUMNS)):
        raise DataError(
            expected=f"a column id in {path}, and with it decision and sampled or neither",
            came=f"the columns {', '.join(table.column_names)}" if table.column_names else "none",
            do="rename or add columns",
        )
    return there
