"""From what a program has at hand to numbers for models: arrays, frames and lists of texts."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError, InputError, NotFiniteError

FEWEST = 20
"""Examples; of fewer nothing can be learned that another part of them could contradict."""

COLUMNS = 64
"""Up to so many columns of an array may mean something by themselves, so that trees are tried."""

_TARGET = "radiotracer: to be checked"
"""A column that is put beside those of a frame: data sets have labels. They are never read."""


@dataclass(frozen=True, eq=False)
class Features:
    """What models are given.

    Args:
        train: Finite, float32, shape (n, d).
        validation: The same of the validation examples, shape (m, d); None where there are none.
        words: What they are, for people.
        columns: Whether single columns mean something, so that trees may do better than lines.
    """

    train: NDArray[np.float32]
    validation: NDArray[np.float32] | None
    words: str
    columns: bool


def features_from(data: Any, validation: Any | None) -> Features:
    """The features of examples, and of validation examples of the same form.

    Args:
        data: An array of numbers, shape (n, d), NaN where a value is missing; a pandas or polars
            frame or an Arrow table of numbers and categories; or a list of texts.
        validation: The same of m others, or None.

    Raises:
        DataError: Something else, fewer than `FEWEST` examples, or validation examples of another
            form.
        NotFiniteError: Infinity among the numbers.
    """
    if _is_frame(data):
        return _of_frames(data, validation)
    first = data[0] if isinstance(data, list | tuple) and data else None
    if isinstance(first, str) or (isinstance(data, np.ndarray) and data.dtype.kind in "UO"):
        return _of_texts(data, validation)
    given = _numbers(data, "features")
    _require_enough(len(given))
    known = None if validation is None else _numbers(validation, "validation features")
    if known is not None and known.shape[1] != given.shape[1]:
        raise DataError(
            expected=f"{given.shape[1]} features of every validation example",
            came=str(known.shape[1]),
            do="give the same features in the same order",
        )
    gaps = np.isnan(given)
    some = gaps.any(axis=0)
    mean = np.where(gaps, 0.0, given).sum(axis=0) / np.maximum((~gaps).sum(axis=0), 1)

    def filled(values: NDArray[np.float64]) -> NDArray[np.float32]:
        """A gap is the mean of its column, and a 1 in a column of its own."""
        absent = np.isnan(values)
        parts = [np.where(absent, mean, values), absent[:, some]]
        return np.ascontiguousarray(np.concatenate(parts, axis=1), dtype=np.float32)

    return Features(
        filled(given),
        None if known is None else filled(known),
        f"{given.shape[1]} features as given",
        given.shape[1] <= COLUMNS,
    )


def require_length(what: str, length: int, n: int) -> None:
    """Raise `DataError` unless there is one for each example."""
    if length != n:
        raise DataError(
            expected=f"{what} for each of {n:,} examples",
            came=f"{length:,}",
            do="give data that belong together",
        )


def pair_of(validation: Any) -> tuple[Any, Any]:
    """Features and targets of validation examples; `InputError` if this is no pair."""
    if isinstance(validation, tuple | list) and len(validation) == 2:
        return validation[0], validation[1]
    raise InputError(
        expected="validation= as a pair of features and targets",
        came=f"a {type(validation).__name__}",
        do="pass validation=(features, targets)",
    )


def require_rate(rate: float) -> None:
    """Raise `InputError` unless it is in (0, 1)."""
    if not 0.0 < rate < 1.0:
        raise InputError(expected="rate= in (0, 1)", came=f"{rate:g}", do="pass rate=0.05")


def _require_enough(n: int) -> None:
    if n < FEWEST:
        raise DataError(
            expected=f"at least {FEWEST} examples", came=str(n), do="check more of them"
        )


def _numbers(data: Any, what: str) -> NDArray[np.float64]:
    try:
        values = np.asarray(data)
        if values.dtype.kind not in "biuf":
            raise ValueError(str(values.dtype))
        given = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            expected=f"{what} as an array of numbers (n, d), a frame, or a list of texts",
            came=f"a {type(data).__name__} of something else ({str(error)[:60]})",
            do="pass one of these",
        ) from error
    if given.ndim != 2 or not given.shape[1]:
        raise DataError(
            expected=f"{what} of shape (n, d)",
            came=f"shape {given.shape}",
            do="make one vector of each example, with radiotracer.backbones for instance",
        )
    if np.isinf(given).any() or (np.abs(given) > np.finfo(np.float32).max).any():
        raise NotFiniteError(
            expected=f"{what} that are finite, or NaN where missing",
            came="infinity",
            do="repair them",
        )
    return given


def _is_frame(data: Any) -> bool:
    for package, name in (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")):
        module = sys.modules.get(package)
        if module is not None and isinstance(data, getattr(module, name)):
            return True
    return False


def _of_frames(data: Any, validation: Any | None) -> Features:
    from radiotracer.backbones import backbone_of
    from radiotracer.data import open_data

    _require_enough(len(data))
    train = open_data(_labelled(data, "features"), label_column=_TARGET)
    require_length("a row", len(train), len(data))
    shown = None
    if validation is not None:
        given = _labelled(validation, "validation features")
        shown = open_data(given, label_column=_TARGET, like=train)
        require_length("a row", len(shown), len(validation))
    name = "columns" if train.modality.name == "tables" else "tf-idf"
    return _looked_at(train, shown, backbone_of(name, train.modality.name))


def _of_texts(data: Any, validation: Any | None) -> Features:
    from radiotracer.backbones import backbone_of
    from radiotracer.data import open_data

    _require_enough(len(data))
    made: list[Any] = []
    for each, what in ((data, "texts"), (validation, "validation texts")):
        if each is None:
            made.append(None)
            continue
        texts = list(each)
        if not texts or not all(isinstance(text, str) for text in texts):
            raise DataError(
                expected=f"{what} that are all text", came="something else", do="leave it out"
            )
        found = open_data((texts, _alternating(len(texts))))
        require_length("words", len(found), len(texts))
        made.append(found)
    return _looked_at(made[0], made[1], backbone_of("tf-idf", "texts"))


def _looked_at(train: Any, shown: Any, backbone: Any) -> Features:
    from radiotracer.backbones import features_of

    return Features(
        np.asarray(features_of(train, backbone)),
        None if shown is None else np.asarray(features_of(shown, backbone, train=train)),
        backbone.summary,
        train.modality.name == "tables",
    )


def _labelled(frame: Any, what: str) -> Any:
    """The frame as an Arrow table, with labels that nobody reads."""
    import pyarrow as pa

    if not _is_frame(frame):
        raise DataError(
            expected=f"{what} as a frame, like the examples",
            came=f"a {type(frame).__name__}",
            do="pass a frame with the same columns",
        )
    try:
        if isinstance(frame, pa.Table):
            table = frame
        elif hasattr(frame, "to_arrow"):
            table = frame.to_arrow()
        else:
            table = pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            expected="columns of one type each",
            came=" ".join(str(error).split())[:120],
            do="convert them",
        ) from error
    return table.append_column(_TARGET, pa.array(_alternating(len(table))))


def _alternating(n: int) -> list[str]:
    return ["even" if row % 2 == 0 else "odd" for row in range(n)]
