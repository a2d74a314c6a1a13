"""Features and probabilities that somebody has already: read, checked, in the order of the data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.backbones.checked import Checking
from radiotracer.backbones.matrices import Matrix, open_matrix
from radiotracer.data import Dataset
from radiotracer.data.modality import nouns
from radiotracer.errors import DataError, NotFiniteError

TOLERANCE = 1e-3
"""How far from 1 the probabilities of an example may sum: as much as 16-bit floats go wrong."""

Given = str | os.PathLike[str] | NDArray[Any]
"""A file, or an array."""


def read_features(given: Given, data: Dataset) -> NDArray[np.float32]:
    """Features of the examples.

    Args:
        given: An array, shape (n, d); or a file: ``.npy``; ``.npz`` with one array, and `ids` and
            `digest` (`Dataset.digest`) where known; Parquet, Arrow or CSV of numbers. Rows are in
            the order of the data, or in any order with a column `id` (an array `ids`), and may be
            more than those of the data then.
        data: Whose features they are.

    Returns:
        float32, shape (n, d), in the order of the data.

    Raises:
        DataError: No such file, no numbers, another number of rows, or features of other data.
        NotFiniteError: NaN or infinity.
        InputError: The same vector for all examples.
    """
    found = open_matrix(given, "features")
    values = _in_order(found, data)
    with np.errstate(over="ignore"):  # infinity is told of below
        features = np.ascontiguousarray(values, dtype=np.float32)
    checking = Checking(found.where, data.modality.noun)
    checking.see(features)
    checking.require()
    return features


def read_probabilities(given: Given, data: Dataset) -> NDArray[np.float64]:
    """Probabilities of the classes, by models that did not see the example's own label.

    Args:
        given: As for `read_features`. The columns of a table are called as the classes, in any
            order; those of an array are in the order of `data.class_names`.
        data: Whose probabilities they are.

    Returns:
        float64, shape (n, C), in the order of the data and of its classes; rows sum to 1.

    Raises:
        DataError: As for `read_features`; classes that are missing or unknown; numbers that are no
            probabilities.
        NotFiniteError: NaN or infinity.
    """
    found = open_matrix(given, "probabilities")
    values = _in_order(found, data)
    if found.columns is not None:
        values = values[:, _places(found.columns, data.class_names, found.where)]
    if values.shape[1] != len(data.class_names):
        raise DataError(
            expected=f"{len(data.class_names)} probabilities per {data.modality.noun}, one for "
            f"each class, in {found.where}",
            came=str(values.shape[1]),
            do="give a column for every class",
        )
    chances = np.array(values, dtype=np.float64)
    _require_probabilities(chances, found.where, data.modality.noun)
    chances /= chances.sum(axis=1, keepdims=True)
    return chances


def _require_probabilities(chances: NDArray[np.float64], where: str, noun: str) -> None:
    finite = np.isfinite(chances).all(axis=1)
    if not finite.all():
        raise NotFiniteError(
            expected=f"finite probabilities in {where}",
            came=f"NaN or infinity for {int((~finite).sum()):,} of {len(chances):,} {noun}s",
            do="repair them",
        )
    inside = ((chances >= 0) & (chances <= 1 + TOLERANCE)).all(axis=1)
    if not inside.all():
        row = int(np.flatnonzero(~inside)[0])
        far = chances[row][np.argmax(np.abs(chances[row] - 0.5))]
        raise DataError(
            expected=f"probabilities between 0 and 1 in {where}",
            came=f"{far:.6g} in row {row}",
            do="turn logits into probabilities (softmax)",
        )
    sums = chances.sum(axis=1)
    wrong = np.flatnonzero(np.abs(sums - 1) > TOLERANCE)
    if len(wrong):
        raise DataError(
            expected=f"probabilities that sum to 1 in {where}",
            came=f"{sums[wrong[0]]:.6g} in row {wrong[0]}, the first of {len(wrong):,}",
            do="give the probabilities of all classes",
        )


def _in_order(found: Matrix, data: Dataset) -> NDArray[Any]:
    """The rows of the examples, in the order of the data."""
    if found.digest is not None and found.digest != data.digest:
        raise DataError(
            expected=f"{found.what} of these data ({data.digest[:12]}...) in {found.where}",
            came=f"{found.what} of another data set ({found.digest[:12]}...)",
            do="compute them for these examples, ids and labels",
        )
    if found.ids is not None:
        return found.values[_rows(found.ids, data, found)]
    if len(found.values) != len(data):
        raise DataError(
            expected=f"{found.what} of {nouns(data.modality, len(data))} in {found.where}",
            came=f"{len(found.values):,} rows",
            do="give a row for each, or a column id that says whose each row is",
        )
    return found.values


def _rows(ids: NDArray[np.str_], data: Dataset, found: Matrix) -> list[int]:
    places = {name: row for row, name in enumerate(ids.tolist())}
    if len(places) < len(ids):
        twice = next(name for row, name in enumerate(ids.tolist()) if places[name] != row)
        raise DataError(
            expected=f"a row for each id in {found.where}",
            came=f"several for {twice!r}",
            do="leave one of them",
        )
    lacking = [name for name in data.ids.tolist() if name not in places]
    if lacking:
        raise DataError(
            expected=f"{found.what} for the ids of these data in {found.where}",
            came=f"none for {len(lacking):,} of {len(data):,}, such as {lacking[0]!r}",
            do="compute them for these data, or check the ids",
        )
    return [places[name] for name in data.ids.tolist()]


def _places(columns: Sequence[str], classes: Sequence[str], where: str) -> list[int]:
    """Where the columns of the classes are, in the order of the classes."""
    unknown = [name for name in columns if name not in classes]
    lacking = [name for name in classes if name not in columns]
    if unknown or lacking:
        came = f"no column for {lacking[0]!r}" if lacking else f"the column {unknown[0]!r}"
        raise DataError(
            expected=f"columns called as the classes ({', '.join(classes)[:100]}) in {where}",
            came=came,
            do="rename the columns, or give an array in the order of the classes",
        )
    return [list(columns).index(name) for name in classes]


def is_given(text: str) -> bool:
    """Whether a text names a file of features rather than a backbone, by its ending."""
    from radiotracer.backbones.matrices import SUFFIXES

    return Path(text).suffix.lower() in SUFFIXES
