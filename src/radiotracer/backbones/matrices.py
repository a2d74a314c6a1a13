"""A matrix of numbers, one row per example, in memory or in any of the usual files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from radiotracer.data.npz import npz_names, read_array, read_arrays
from radiotracer.data.shards import SUFFIXES as TYPED
from radiotracer.data.table_files import DELIMITED, read_file
from radiotracer.errors import DataError

SUFFIXES = frozenset((".npy", ".npz")) | TYPED | DELIMITED
"""Endings of files that hold a matrix."""

ID = "id"
IDS = "ids"
DIGEST = "digest"


@dataclass(frozen=True, eq=False)
class Matrix:
    """What was found.

    Args:
        what: What it holds, for messages: ``"features"``.
        where: The file, or ``"the array"``.
        values: Numbers, shape (n, d).
        columns: Their names, where it is a table.
        ids: Whose each row is, shape (n,).
        digest: `Dataset.digest` of the data that it belongs to.
    """

    what: str
    where: str
    values: NDArray[Any]
    columns: tuple[str, ...] | None = None
    ids: NDArray[np.str_] | None = None
    digest: str | None = None


def open_matrix(given: Any, what: str) -> Matrix:
    """Read a file, or take an array.

    Args:
        given: A path, or an array, shape (n, d).
        what: What it holds, for messages.

    Raises:
        DataError: It cannot be read, or is no matrix of numbers.
    """
    if not isinstance(given, str | Path) and not hasattr(given, "__fspath__"):
        given = given.detach().cpu().numpy() if hasattr(given, "detach") else given
        return _require_numbers(Matrix(what, "the array", np.asarray(given)))
    path = Path(given)
    suffix = require_file(path, what)
    if suffix == ".npy":
        return _require_numbers(Matrix(what, str(path), read_array(path)))
    return _require_numbers(_archive(path, what) if suffix == ".npz" else _table(path, what))


def require_file(path: Path, what: str) -> str:
    """The ending of a file that can hold numbers; `DataError` where it is none, or not there."""
    suffix = path.suffix.lower()
    if not path.is_file():
        raise DataError(expected=f"a file of {what}", came=f"no file {path}", do="check the path")
    if suffix not in SUFFIXES:
        raise DataError(
            expected=f"{what} in a file {', '.join(sorted(SUFFIXES))}",
            came=path.name,
            do="save an array with numpy.save, or a table as Parquet",
        )
    return suffix


def _archive(path: Path, what: str) -> Matrix:
    names = [name for name in npz_names(path) if name not in (IDS, DIGEST)]
    if len(names) != 1:
        raise DataError(
            expected=f"one array of {what} in {path}, beside {IDS} and {DIGEST}",
            came=f"{len(names)}: {', '.join(names)[:100]}" if names else "none",
            do="save it alone",
        )
    found = read_arrays(path)
    ids = found.get(IDS)
    digest = found.get(DIGEST)
    return Matrix(
        what,
        str(path),
        found[names[0]],
        ids=None if ids is None else ids.astype(np.str_).reshape(-1),
        digest=None if digest is None else str(digest.reshape(-1)[0]),
    )


def _table(path: Path, what: str) -> Matrix:
    file = read_file(path, path.parent)
    if file.left_out:
        first = file.left_out[0]
        raise DataError(
            expected=f"whole rows in {path}", came=f"{first.path}: {first.reason}", do="repair it"
        )
    names = [name for name in file.table.column_names if name != ID]
    ids = None
    if ID in file.table.column_names:
        ids = np.array(file.table[ID].cast(pa.string()).to_pylist(), dtype=np.str_)
    columns = [_numbers(file.table[name], name, path) for name in names]
    values = np.stack(columns, axis=1) if columns else np.empty((len(file.table), 0))
    return Matrix(what, str(path), values, tuple(names), ids)


def _numbers(column: Any, name: str, path: Path) -> NDArray[np.float64]:
    """A column as float64; what is missing is NaN."""
    kind = column.type
    column = column.combine_chunks()
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            column = pc.replace_with_mask(
                column,
                pc.equal(pc.utf8_trim_whitespace(column), ""),
                pa.scalar(None, kind),
            )
        found: NDArray[np.float64] = pc.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
        return found
    except (pa.ArrowException, NotImplementedError) as error:
        raise DataError(
            expected=f"numbers in the column {name} of {path}",
            came=" ".join(str(error).split())[:120],
            do=f"leave it out, or call it {ID} if it says whose each row is",
        ) from error


def _require_numbers(found: Matrix) -> Matrix:
    values = found.values
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiu":
        raise DataError(
            expected=f"numbers of shape (n, d) in {found.where}, for {found.what}",
            came=f"{values.dtype} of shape {values.shape}",
            do="give an array with a row per example",
        )
    if found.ids is not None and len(found.ids) != len(values):
        raise DataError(
            expected=f"an id for each of {len(values):,} rows in {found.where}",
            came=f"{len(found.ids):,}",
            do="save them again",
        )
    return found
