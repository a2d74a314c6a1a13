"""Columns of a file as rows of numbers and categories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from radiotracer.data.columns import is_number, is_text, plain
from radiotracer.data.dataset import Dataset
from radiotracer.data.labels import FEW, MISSING
from radiotracer.data.modalities.tables import TABLES
from radiotracer.data.roles import Roles
from radiotracer.data.rows import Read, assembled
from radiotracer.data.splits import TRAIN
from radiotracer.data.table import Column, Table, fitted
from radiotracer.data.table_files import File, without
from radiotracer.data.tables import Tables, read_every
from radiotracer.errors import DataError

MOST_CATEGORIES = 1000
"""A column of more is taken for texts or ids, not for categories."""


def read_parts(
    tables: Tables, split: str | None, roles: Roles
) -> tuple[Read[None], Mapping[str, Sequence[File]]]:
    """Labels and ids of every file, and all of its columns but those that are nothing.

    Args:
        tables: Where.
        split: Which split was asked for.
        roles: What the columns are.

    Raises:
        DataError: A damaged file, or labels and ids that are none.
    """
    whole: dict[str, list[File]] = {}

    def take(file: File, path: Path, part: str) -> Sequence[None]:
        whole.setdefault(part, []).append(without(file, sorted(roles.ignored)))
        return [None] * len(file.table)

    return read_every(tables, split, roles, take, columns=None), whole


def to_rows(
    read: Read[None],
    parts: Mapping[str, Sequence[File]],
    roles: Roles,
    like: Dataset | None,
) -> Dataset:
    """Rows of one split.

    What the columns are (numbers, or which categories) and what networks are given of them is
    known from the training split, or from `like`; rows of another split or file that do not fit
    are left out and listed.

    Args:
        read: Labels and ids.
        parts: The columns of the same files.
        roles: What the columns are.
        like: Data whose columns these must have.

    Raises:
        DataError: Files that disagree on the columns, no column beside the labels, or no row that
            fits.
    """
    root = read.source
    names = _column_names(parts, root, {roles.id})
    inputs = [name for name in names if name not in (roles.label, roles.id)]
    if not inputs:
        raise DataError(
            expected=f"a column of images, texts or numbers beside the labels in {root}",
            came=f"columns {', '.join(names)}",
            do="name the one that is meant with text_column= or image_column=",
        )
    ours = parts[read.split]
    notes: list[str] = []
    if like is not None and isinstance(like.content, Table):
        columns: Sequence[Column] = like.content.columns
        wanted = {column.name for column in columns}
        # Columns that told nothing were left out there, too.
        inputs = [
            n for n in inputs if n in wanted or _column(n, _joined(ours, n), root) is not None
        ]
        _require_columns(inputs, columns, root, like.source)
    else:
        columns, notes = _schema(parts.get(TRAIN, ours), inputs, root)
    values, bad = _values(ours, columns)
    for place, column in enumerate(columns):
        if not column.missing:
            for row in np.flatnonzero(np.isnan(values[:, place])).tolist():
                bad.setdefault(row, f"nothing in the column {column.name}")
    return assembled(
        read,
        read.classes(),
        TABLES,
        lambda kept: Table(tuple(columns), values[kept]),
        bad=bad,
        do="check the columns",
        notes=notes,
    )


def _schema(
    parts: Sequence[File], names: Sequence[str], root: Path | str
) -> tuple[tuple[Column, ...], list[str]]:
    """What the columns are, from those rows that fit them, and which of them tell nothing."""
    found = {name: _column(name, _joined(parts, name), root) for name in names}
    columns = [column for column in found.values() if column is not None]
    told = [name for name, column in found.items() if column is None]
    notes = [
        f"the column {name} is left out: almost every row has a text of its own" for name in told
    ]
    if not columns:
        raise DataError(
            expected=f"columns of numbers and categories in {root}",
            came=f"texts alone: {', '.join(told[:5])}",
            do="name the one that holds the texts with text_column=",
        )
    values, reasons = _values(parts, columns)
    return fitted(columns, values[_without(reasons, len(values))]).columns, notes


def _without(reasons: Mapping[int, str], n: int) -> NDArray[np.int64]:
    return np.array([row for row in range(n) if row not in reasons], dtype=np.int64)


def _column_names(
    read: Mapping[str, Sequence[File]], root: Path | str, ids: Set[str | None]
) -> list[str]:
    every = [part.table.column_names for parts in read.values() for part in parts]
    first: list[str] = every[0]
    for names in every:
        if set(names) - ids != set(first) - ids or len(set(names)) < len(names):
            twice = len(set(names)) < len(names)
            raise DataError(
                expected=f"the same columns in all of {root}, of different names",
                came=f"{'a name twice' if twice else 'others'}: {', '.join(names)[:200]}",
                do="write it again",
            )
    return first


def _require_columns(
    inputs: Sequence[str], columns: Sequence[Column], root: Path | str, source: str
) -> None:
    wanted = [column.name for column in columns]
    if set(inputs) != set(wanted):
        missing, extra = sorted(set(wanted) - set(inputs)), sorted(set(inputs) - set(wanted))
        came = [f"none called {', '.join(missing[:5])}"] * bool(missing)
        came += [f"others: {', '.join(extra[:5])}"] * bool(extra)
        raise DataError(
            expected=f"the columns of {source} in {root}",
            came=" and ".join(came),
            do="give both the same columns",
        )


def _joined(parts: Sequence[File], name: str) -> tuple[pa.ChunkedArray, bool]:
    """A column of all files, as text where the file knows no types, and whether it knows them."""
    columns = [plain(part.table[name]) for part in parts]
    if len({column.type for column in columns}) > 1:
        numbers = all(is_number(column.type) for column in columns)
        columns = [column.cast(pa.float64() if numbers else pa.string()) for column in columns]
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pa.chunked_array(chunks, columns[0].type), all(part.typed for part in parts)


def _column(name: str, joined: tuple[pa.ChunkedArray, bool], root: Path | str) -> Column | None:
    """What a column is, from its values; None where nearly each is a text of its own."""
    column, typed = joined
    kind = column.type
    if is_number(kind):
        return Column(name)
    if not (is_text(kind) or pa.types.is_boolean(kind)):
        raise DataError(
            expected=f"columns of numbers and categories in {root}",
            came=f"{kind} in the column {name}",
            do="leave it out, or convert it",
        )
    if not typed:
        given, numbers = column, _numbers(column)
        if pc.sum(pc.is_valid(numbers)).as_py() == len(given) - _absent(given):
            return Column(name)
    texts = _texts(column, typed)
    categories = sorted(set(pc.unique(texts).to_pylist()) - {None})
    if len(categories) > MOST_CATEGORIES or (len(texts) > FEW and len(categories) > len(texts) / 2):
        return None
    return Column(name, tuple(categories) or ("",))


def _values(
    parts: Sequence[File], columns: Sequence[Column]
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Values as `Table` has them, and by row what does not fit."""
    n = sum(len(part.table) for part in parts)
    values = np.empty((n, len(columns)), dtype=np.float64)
    reasons: dict[int, str] = {}
    for place, column in enumerate(columns):
        given, typed = _joined(parts, column.name)
        if column.categories is None:
            found = _numbers(given)
            absent = _absent_mask(given)
            problem = "no number"
        else:
            texts = _texts(given, typed)
            found = pc.index_in(texts, value_set=pa.array(column.categories, pa.string()))
            absent = pc.is_null(texts).to_numpy(zero_copy_only=False)
            problem = "a category that the training data do not have"
        numbers = found.cast(pa.float64()).to_numpy(zero_copy_only=False)
        numbers = np.where(np.isnan(numbers), math.nan, numbers)
        wrong = (np.isnan(numbers) & ~absent) | np.isinf(numbers)
        for row in np.flatnonzero(wrong).tolist():
            reasons.setdefault(row, f"{problem} in the column {column.name}")
        values[:, place] = np.where(wrong, math.nan, numbers)
    return values, reasons


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """float64, perhaps infinite; null for what is no number."""
    if not is_text(column.type):
        return column.cast(pa.float64(), safe=False)
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    is_number = pc.match_substring_regex(
        texts, r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|Inf|INF)$"
    )
    digits = pc.replace_substring_regex(texts, r"^\+", "")
    return pc.if_else(is_number, digits, None).cast(pa.float64())


def _absent_mask(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Where a number is missing; in floats NaN means that, too."""
    if is_text(column.type):
        texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
        given = pc.or_kleene(pc.is_null(texts), pc.is_in(texts, value_set=pa.array(MISSING)))
    else:
        given = pc.is_null(column, nan_is_null=True)
    found: NDArray[np.bool_] = given.to_numpy(zero_copy_only=False).astype(bool)
    return found


def _absent(column: pa.ChunkedArray) -> int:
    return int(_absent_mask(column).sum())


def _texts(column: pa.ChunkedArray, typed: bool) -> pa.ChunkedArray:
    """Categories as texts; null where there is none."""
    texts = column.cast(pa.string())
    return texts if typed else pc.if_else(pc.equal(texts, ""), None, texts)
