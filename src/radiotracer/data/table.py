"""Rows of numbers and categories, and what their columns are."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Column:
    """A column of a table, and how networks are given it.

    Args:
        name: Unique within the table.
        categories: What a value may be; None for a column of numbers.
        missing: Whether values may be missing: networks are then told where.
        mean: Of numbers: what is subtracted before a network is given them.
        std: Of numbers: what they are divided by then, above 0.
    """

    name: str
    categories: tuple[str, ...] | None = None
    missing: bool = False
    mean: float = 0.0
    std: float = 1.0

    @property
    def kind(self) -> Literal["number", "category"]:
        """What its values are."""
        return "number" if self.categories is None else "category"

    @property
    def width(self) -> int:
        """How many numbers a network is given for a value."""
        return (1 if self.categories is None else len(self.categories)) + self.missing

    def __repr__(self) -> str:
        """Its name and kind; categories are counted, not listed."""
        kind = "numbers" if self.categories is None else f"{len(self.categories):,} categories"
        return f"Column({self.name[:100]!r}, {kind}{', some missing' * self.missing})"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows under columns.

    Args:
        columns: d of them.
        values: float64, shape (n, d): a number, or the place of a category; NaN where missing.
    """

    columns: tuple[Column, ...]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.values)

    def __repr__(self) -> str:
        """How many rows and columns, and the first names."""
        names = ", ".join(column.name for column in self.columns)
        return f"Table({len(self):,} rows, {len(self.columns):,} columns: {names[:150]})"

    def cell(self, row: int, column: int) -> float | str | None:
        """A number, a category, or None where it is missing."""
        value = float(self.values[row, column])
        categories = self.columns[column].categories
        if math.isnan(value):
            return None
        return value if categories is None else categories[int(value)]


def schema_digest(columns: Sequence[Column]) -> str:
    """The first 12 digits of a SHA-256 over all that the columns say."""
    text = json.dumps([described(column) for column in columns])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fitted(columns: Sequence[Column], values: NDArray[np.float64]) -> Table:
    """A table whose columns say what its own values need: means, deviations, missing ones.

    Args:
        columns: d of them; of these only the names and the categories count.
        values: float64, shape (n, d), as `Table` has them.
    """
    made = []
    for place, column in enumerate(columns):
        known = values[:, place][~np.isnan(values[:, place])]
        missing = len(known) < len(values)
        if column.categories is not None:
            made.append(Column(column.name, column.categories, missing))
            continue
        # Halves and quarters first, so that numbers near the largest there are do not overflow.
        largest = float(np.abs(known).max(initial=0.0)) or 1.0
        mean = float((known / largest).mean()) * largest if len(known) else 0.0
        std = float((known / largest).std()) * largest if len(known) else 1.0
        # What differs only by rounding is constant.
        steady = std <= 1e-12 * abs(mean) or not math.isfinite(1.0 / std if std else math.inf)
        made.append(Column(column.name, None, missing, mean, 1.0 if steady else std))
    return Table(tuple(made), values)


def problem_of(content: object) -> str:
    """Why this is no `Table`, or a value does not fit its column; empty where all is well."""
    if not isinstance(content, Table):
        return type(content).__name__
    values, columns = content.values, content.columns
    if values.dtype != np.float64 or values.ndim != 2 or values.shape[1] != len(columns):
        return f"{values.dtype} of shape {values.shape} under {len(columns)} columns"
    if not columns or len({column.name for column in columns}) < len(columns):
        return "a name twice" if columns else "no column"
    for place, column in enumerate(columns):
        known = values[:, place][~np.isnan(values[:, place])]
        if column.categories is None:
            if not (np.isfinite(known).all() and math.isfinite(column.mean) and column.std > 0):
                return f"a number that is not finite in the column {column.name}"
        elif not (
            len(set(column.categories)) == len(column.categories)
            and ((known >= 0) & (known < len(column.categories)) & (known == known.round())).all()
        ):
            return f"something else than one of its categories in the column {column.name}"
    return ""


def described(column: Column) -> dict[str, Any]:
    """All that a column says, as JSON holds it."""
    return {
        "name": column.name,
        "categories": None if column.categories is None else list(column.categories),
        "missing": column.missing,
        "mean": column.mean,
        "std": column.std,
    }


def column_of(described: dict[str, Any]) -> Column:
    """The column that `described` wrote; what it misses is a `KeyError`."""
    categories = described["categories"]
    return Column(
        str(described["name"]),
        None if categories is None else tuple(map(str, categories)),
        bool(described["missing"]),
        float(described["mean"]),
        float(described["std"]),
    )
