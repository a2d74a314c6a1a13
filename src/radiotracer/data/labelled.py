"""What holds of every labelled data set, whatever its examples are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.blocks import values
from radiotracer.errors import DataError


def require_labelled(
    what: str,
    n: int,
    *,
    labels: NDArray[np.int64],
    ids: NDArray[np.str_],
    class_names: tuple[str, ...],
    source: str,
) -> None:
    """Check labels and ids.

    Args:
        what: What the examples are, in the plural, for errors.
        n: How many there are.
        labels: Must be int64, shape (n,), each the place of a class.
        ids: Must be unique texts, shape (n,).
        class_names: Must be one or more.
        source: Where all of it comes from, for errors.

    Raises:
        DataError: They are not so, or hold text that Parquet and JSON cannot.
    """
    if labels.dtype != np.int64 or ids.dtype.kind != "U":
        raise DataError(
            expected="int64 labels and text ids",
            came=f"{labels.dtype} labels and {ids.dtype} ids from {source}",
            do="convert them",
        )
    if labels.shape != (n,) or ids.shape != (n,):
        raise DataError(
            expected=f"one label and one id for each of {n} {what}",
            came=f"labels of shape {labels.shape} and ids of shape {ids.shape}",
            do=f"repair {source}",
        )
    if not class_names or not all(map(_is_plain_text, (class_names, values(ids)))):
        raise DataError(
            expected="one class name or more, and names and ids of Unicode text without NUL",
            came=f"{len(class_names)} class names, or text that UTF-8 cannot hold",
            do=f"repair the names in {source}",
        )
    outside = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    if len(outside):
        first = outside[0]
        raise DataError(
            expected=f"labels from 0 to {len(class_names) - 1}",
            came=f"{len(outside)} outside them, first {labels[first]} at {ids[first]}",
            do=f"repair the labels of {source}",
        )
    if repeated := _repeated(ids):
        raise DataError(
            expected="unique ids",
            came=f"{repeated} repeated",
            do=f"repair the ids of {source}",
        )


def require_every_class(
    labels: NDArray[np.int64], class_names: tuple[str, ...], source: str
) -> None:
    """Raise `DataError` when a class has no example, or is the only one."""
    if len(class_names) < 2:
        raise DataError(
            expected="examples of two classes or more",
            came=f"only {class_names[0]} in {source}",
            do="pass data that hold all classes",
        )
    counts = np.bincount(labels, minlength=len(class_names))
    empty = [name for name, count in zip(class_names, counts, strict=True) if count == 0]
    if empty:
        raise DataError(
            expected=f"at least one example in each of the {len(class_names)} classes",
            came=f"none in {', '.join(empty[:10])}{' and more' * (len(empty) > 10)}",
            do=f"add examples to {source} or remove the class",
        )


def rows_at(
    rows: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_], n: int
) -> NDArray[np.int64]:
    """Row numbers, from row numbers or from a boolean mask of shape (n,).

    Raises:
        DataError: A mask of another shape.
    """
    chosen = np.asarray(rows)
    if chosen.dtype != bool:
        return chosen.astype(np.int64)
    if chosen.shape != (n,):
        raise DataError(
            expected=f"a mask of shape ({n},)",
            came=f"shape {chosen.shape}",
            do="give one truth per example",
        )
    return np.flatnonzero(chosen)


def _is_plain_text(texts: Iterable[str]) -> bool:
    """Parquet and JSON hold UTF-8 only, and NumPy drops a NUL at the end of a text."""
    try:
        return all(isinstance(text, str) and b"\0" not in text.encode() for text in texts)
    except UnicodeEncodeError:
        return False


def _repeated(ids: NDArray[np.str_]) -> int:
    """How many ids were there before; texts are only sorted where their hashes repeat."""
    hashes = np.fromiter(map(hash, values(ids)), dtype=np.int64, count=len(ids))
    hashes.sort()
    if not (hashes[1:] == hashes[:-1]).any():
        return 0
    return len(ids) - len(np.unique(ids))
