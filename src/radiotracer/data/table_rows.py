"""Columns of a file as rows of numbers and categories."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from radiotracer.data.columns import (
    IDS,
    IMAGES,
    LABELS,
    TEXTS,
    features_of,
    id_column,
    is_text,
    label_column,
    names_of,
    pick,
)
from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.modalities.tables import TABLES
from radiotracer.data.npz import numbered
from radiotracer.data.rows import Read, Rows, as_numbers, class_numbers
from radiotracer.data.table import Column, Table, fitted
from radiotracer.errors import DataError

MOST_CATEGORIES = 1000
"""A column of more is taken for texts or ids, not for categories."""

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?")
"""What stands for a number that is missing where all is text; of categories only the first."""


@dataclass(frozen=True)
class Part:
    """One file of a table.

    Args:
        table: All of its columns.
        name: What ids begin with where there is no column of them.
        typed: Whether the columns have types; else all are texts.
    """

    table: pa.Table
    name: str
    typed: bool


def to_rows(
    read: Mapping[str, Sequence[Part]],
    chosen: str,
    root: Path | str,
    label: str | None,
    like: Dataset | None,
) -> Dataset:
    """Rows of one split.

    What the columns are (numbers, or which categories) and what networks are given of them is
    known from the training split, or from `like`; rows of another split or file that do not fit
    are left out and listed.

    Args:
        read: The files of all splits: they agree on the columns.
        chosen: Which of the splits.
        root: Where they come from, for errors; also the data's source.
        label: The label column; None is the one that has a name of `LABELS`.
        like: Data whose columns these must have.

    Raises:
        DataError: Files that disagree, no label column, a column that is neither numbers nor
            categories, or no row that fits.
    """
    names = _column_names(read, root)
    features = features_of(next(iter(read.values()))[0].table.schema)
    kind = "ClassLabel" if label is None else ""
    target = pick(
        names, features, LABELS if label is None else (label,), kind, root, argument="label_column"
    )
    rows: Read[None] = {
        split: [_labelled(part, target, root) for part in parts] for split, parts in read.items()
    }
    if not any(part.typed for parts in read.values() for part in parts):
        rows = as_numbers(rows)
    labels, class_names = class_numbers(rows, chosen, root)
    inputs = [name for name in names if name not in (target, IDS)]
    ids = np.array([each for part in rows[chosen] for each in part.ids], dtype=np.str_)
    if not inputs:
        raise DataError(
            expected=f"columns called {' or '.join(IMAGES)} (images), {', '.join(TEXTS)} (texts), "
            f"or of numbers and categories beside the labels in {root}",
            came=f"columns {', '.join(names)}",
            do="rename the one that is meant, or pass text_column=",
        )
    if like is not None and isinstance(like.content, Table):
        columns: Sequence[Column] = like.content.columns
        _require_columns(inputs, columns, root, like.source)
    else:
        columns = _schema(read.get("train", read[chosen]), inputs, root)
    values, reasons = _values(read[chosen], columns)
    for place, column in enumerate(columns):
        if not column.missing:
            for row in np.flatnonzero(np.isnan(values[:, place])).tolist():
                reasons.setdefault(row, f"nothing in the column {column.name}")
    kept = _without(reasons, len(ids))
    left_out = [LeftOut(str(ids[row]), reason) for row, reason in sorted(reasons.items())]
    if not len(kept):
        first = f" ({left_out[0].path}: {left_out[0].reason})" if left_out else ""
        raise DataError(
            expected=f"rows in {root}", came=f"none that can be used{first}", do="check the columns"
        )
    return Dataset(
        modality=TABLES,
        content=Table(tuple(columns), values[kept]),
        labels=labels[kept],
        ids=ids[kept],
        class_names=class_names,
        source=str(root),
        left_out=tuple(left_out),
    )


def _schema(parts: Sequence[Part], names: Sequence[str], root: Path | str) -> tuple[Column, ...]:
    """What the columns are, from those rows that fit them."""
    columns = [_column(name, _joined(parts, name), root) for name in names]
    values, reasons = _values(parts, columns)
    return fitted(columns, values[_without(reasons, len(values))]).columns


def _without(reasons: Mapping[int, str], n: int) -> NDArray[np.int64]:
    return np.array([row for row in range(n) if row not in reasons], dtype=np.int64)


def _column_names(read: Mapping[str, Sequence[Part]], root: Path | str) -> list[str]:
    every = [part.table.column_names for parts in read.values() for part in parts]
    first: list[str] = every[0]
    for names in every:
        if set(names) != set(first) or len(set(names)) < len(names):
            twice = len(set(names)) < len(names)
            raise DataError(
                expected=f"the same columns in all of {root}, of different names",
                came=f"{'a name twice' if twice else 'others'}: {', '.join(names)[:200]}",
                do="write it again",
            )
    return first


def _labelled(part: Part, target: str, root: Path | str) -> Rows[None]:
    table = part.table
    ids = id_column(table[IDS], root) if IDS in table.column_names else None
    return Rows(
        items=[],
        labels=label_column(table[target], root),
        names=names_of(features_of(table.schema).get(target)),
        ids=ids or numbered(f"{part.name}/".removeprefix("/"), len(table)).tolist(),
    )


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


def _joined(parts: Sequence[Part], name: str) -> tuple[pa.ChunkedArray, bool]:
    """A column of all files, as text where the file knows no types, and whether it knows them."""
    columns = [_plain(part.table[name]) for part in parts]
    if len({column.type for column in columns}) > 1:
        numbers = all(_is_number(column.type) for column in columns)
        columns = [column.cast(pa.float64() if numbers else pa.string()) for column in columns]
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pa.chunked_array(chunks, columns[0].type), all(part.typed for part in parts)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    return column


def _is_number(kind: pa.DataType) -> bool:
    """Whether these are numbers, or nothing at all."""
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return any(is_kind(kind) for is_kind in kinds)


def _column(name: str, joined: tuple[pa.ChunkedArray, bool], root: Path | str) -> Column:
    """What a column is, from its values."""
    column, typed = joined
    kind = column.type
    if _is_number(kind):
        return Column(name)
    if not (is_text(kind) or pa.types.is_string_view(kind) or pa.types.is_boolean(kind)):
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
    if len(categories) > MOST_CATEGORIES:
        raise DataError(
            expected=f"at most {MOST_CATEGORIES:,} categories in the column {name} of {root}",
            came=f"{len(categories):,}",
            do="leave it out, or pass it as text_column= if it holds texts",
        )
    return Column(name, tuple(categories) or ("",))


def _values(
    parts: Sequence[Part], columns: Sequence[Column]
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
    if not (is_text(column.type) or pa.types.is_string_view(column.type)):
        return column.cast(pa.float64(), safe=False)
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    is_number = pc.match_substring_regex(
        texts, r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|inf|Inf|INF)$"
    )
    digits = pc.replace_substring_regex(texts, r"^\+", "")
    return pc.if_else(is_number, digits, None).cast(pa.float64())


def _absent_mask(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Where a number is missing; in floats NaN means that, too."""
    if is_text(column.type) or pa.types.is_string_view(column.type):
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
