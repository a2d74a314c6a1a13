"""From the labels that data come with to classes: what occurs is a class."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.splits import TRAIN
from radiotracer.errors import DataError

Value = str | int | float | bool | None
"""A label as it was given; None where there is none."""

MISSING = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL")
"""What tables without types write where there is nothing."""

FEW = 20
"""So many different values are classes whatever they are."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LISTED = 5


@dataclass(frozen=True)
class Given:
    """The labels of one file.

    Args:
        values: One per example.
        names: What the file calls the classes of its numbers, where it does.
        typed: Whether its text is text: in CSV numbers are text, too.
        declared: Whether each value is a class for sure, as the name of a folder is; else many
            different ones are taken for a quantity, or for ids.
    """

    values: Sequence[Value]
    names: tuple[str, ...] | None = None
    typed: bool = True
    declared: bool = False


@dataclass(frozen=True)
class Classes:
    """Class numbers.

    Args:
        numbers: int64, shape (n,), of the chosen split; -1 where there is no label.
        names: One per class.
        reasons: By row why there is none.
        notes: What was decided, in sentences.
    """

    numbers: NDArray[np.int64]
    names: tuple[str, ...]
    reasons: Mapping[int, str]
    notes: tuple[str, ...] = ()


def classes_of(given: Mapping[str, Sequence[Given]], split: str, root: object) -> Classes:
    """The classes of all splits, and the class numbers of one.

    Classes are what occurs in the training split (in all files where there is none) and in the
    split that is opened: numbers in their order, texts in theirs, False before True. ``1.0`` is 1.

    Args:
        given: The labels of every file, by split.
        split: Which one is opened.
        root: Where they come from, for errors.

    Raises:
        DataError: Files that disagree, labels that are quantities, lists or ids, or none at all.
    """
    every = [each for files in given.values() for each in files if len(each.values)]
    names = {each.names for each in every}
    if len(names) > 1:
        raise _disagree(root, "other names of classes")
    declared = next(iter(names), None)
    plain = {name: [_plain(each) for each in files] for name, files in given.items()}
    kinds = {kind for files in plain.values() for _, kind in files if kind}
    if kinds == {"number", "text"} and not any(each.typed for each in every):
        # Without types numbers may be names: 3 beside B.
        plain = {
            name: [(_texts(each.values, typed=False), "text") for each in files]
            for name, files in given.items()
        }
        kinds = {"text"}
    if len(kinds) > 1:
        raise _disagree(
            root, f"{' in some and '.join(sorted(f'{kind}s' for kind in kinds))} in others"
        )
    if "mixture" in kinds:
        raise _mixed(every, root)
    ours = [value for values, _ in plain[split] for value in values]
    learned = plain.get(TRAIN, [part for files in plain.values() for part in files])
    known = [value for values, _ in learned for value in values if value is not None]
    if not ours and not known:
        return Classes(np.zeros(0, dtype=np.int64), (), {})
    if not known:
        raise DataError(
            expected=f"labels in {root}", came="none", do="name the column with label_column="
        )
    if declared is None and not all(each.declared for each in every):
        require_classes(known, root)
    used = set(known) | {value for value in ours if value is not None}
    ordered = sorted(used, key=_order(used))
    place = {value: number for number, value in enumerate(ordered)}
    reasons = {row: "no label" for row, value in enumerate(ours) if value is None}
    if declared is None:
        return Classes(
            np.array([-1 if value is None else place[value] for value in ours], dtype=np.int64),
            tuple(map(_name, ordered)),
            reasons,
            _notes(ordered),
        )
    return _declared(ours, declared, ordered, reasons, root)


def stands_for(value: Any, name: str, names: tuple[str, ...] | None = None) -> bool:
    """Whether a label as it was given is one of the class of this name.

    Args:
        value: The label.
        name: Of a class.
        names: What the file calls the classes of its numbers, where it does.
    """
    if names is not None and isinstance(value, int) and 0 <= value < len(names):
        return names[value] == name
    if isinstance(value, bool) or value is None:
        return str(value) == name
    text = str(value).strip()
    return text == name or (bool(_NUMBER.fullmatch(text)) and _name(_number(float(text))) == name)


def require_classes(values: Sequence[Any], root: object) -> None:
    """Raise `DataError` where labels are a quantity, ids, or lists.

    Args:
        values: All that are known, of one kind.
        root: Where they come from.
    """
    counts = Counter(values)
    n, different = len(values), len(counts)
    if isinstance(values[0], str):
        if all(each.startswith("[") and each.endswith("]") for each in counts):
            raise several_labels(root, f"lists such as {values[0][:40]}")
        if n > FEW and different > n / 2:
            raise DataError(
                expected=f"classes that occur more than once in {root}",
                came=f"{different:,} different labels of {n:,} examples, as {values[0][:40]!r}",
                do="name the column of labels with label_column=",
            )
        return
    low, high = min(counts), max(counts)
    fractions = any(each != int(each) for each in counts)
    wide = different > 2 * FEW and high - low >= 3 * different
    if (fractions and (different > FEW or different > max(2, n / 2))) or (
        n > FEW and different > FEW and (different > n / 2 or wide)
    ):
        raise DataError(
            expected=f"classes as labels in {root}",
            came=f"{different:,} numbers from {low:g} to {high:g}: a regression",
            do="divide them into classes, or name the column with label_column=",
        )


def several_labels(root: object, came: str) -> DataError:
    """What is answered where an example has several labels."""
    return DataError(
        expected=f"one label per example in {root}",
        came=f"{came}: several labels (multi-label)",
        do="make one data set per label, with yes and no",
    )


def _plain(given: Given) -> tuple[list[Any], str]:
    """Values of one kind, None where there is none, and the kind; "" where there are none."""
    values = given.values
    first = {type(value) for value in values if value is not None}
    if first <= {str}:
        texts = _texts(values, typed=given.typed)
        known = [each for each in texts if each is not None]
        if known and not given.typed and not given.declared and all(map(_is_number, known)):
            return [None if each is None else _number(float(each)) for each in texts], "number"
        return texts, "text" if known else ""
    if first == {bool}:
        return list(values), "truth value"
    if first <= {int, float}:
        return [None if each is None else _number(each) for each in values], "number"
    return list(values), "mixture"


def _texts(values: Sequence[Any], *, typed: bool) -> list[str | None]:
    if typed:
        return [each if isinstance(each, str) and each.strip() else None for each in values]
    return [None if each is None or each.strip() in MISSING else each for each in values]


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text.strip()))


def _number(value: Any) -> int | float | None:
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else float(value)


def _name(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _order(used: Iterable[Any]) -> Callable[[Any], Any]:
    """Texts in their order, but folders called 0 to 11 as numbers are ordered."""
    digits = all(isinstance(each, str) and each.isascii() and each.isdigit() for each in used)
    return (lambda each: (int(each), each)) if digits else (lambda each: each)


def _declared(
    ours: Sequence[Any],
    names: tuple[str, ...],
    used: Sequence[Any],
    reasons: Mapping[int, str],
    root: object,
) -> Classes:
    """Numbers that a file has names for; -1 is how Hugging Face says that there is none."""
    places = [value for value in used if value != -1]
    wrong = [value for value in places if not isinstance(value, int) or not 0 <= value < len(names)]
    if wrong:
        raise DataError(
            expected=f"labels from 0 to {len(names) - 1} in {root}, as its class names say",
            came=str(wrong[0]),
            do=f"repair the labels of {root}",
        )
    new = {value: number for number, value in enumerate(places)}
    without = {row: "no label (-1)" for row, value in enumerate(ours) if value == -1}
    empty = [name for place, name in enumerate(names) if place not in new]
    said = f"{len(empty)} of {len(names)} classes have no example: {_some(empty)}"
    return Classes(
        np.array([new.get(value, -1) for value in ours], dtype=np.int64),
        tuple(names[value] for value in places),
        {**reasons, **without},
        (said,) * bool(empty),
    )


def _notes(ordered: Sequence[Any]) -> tuple[str, ...]:
    if -1 in ordered and len(ordered) > 2 and not isinstance(ordered[0], bool):
        return ("-1 is taken for a class; drop_class='-1' leaves it out if it says: no label",)
    return ()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + ", …" * (len(names) > _LISTED)


def _mixed(every: Iterable[Given], root: object) -> DataError:
    """What is answered where labels are of several kinds, or of one that no class is."""
    types = {type(each) for given in every for each in given.values if each is not None}
    strange = sorted(kind.__name__ for kind in types - {str, int, float, bool})
    if strange:
        return several_labels(root, f"labels that are a {strange[0]}")
    return DataError(
        expected=f"labels of one kind in {root}",
        came=" beside ".join(sorted(kind.__name__ for kind in types)),
        do="write all of them as text",
    )


def _disagree(root: object, came: str) -> DataError:
    return DataError(
        expected=f"files in {root} that agree on the classes",
        came=came,
        do="write them again with the same kind of labels",
    )
