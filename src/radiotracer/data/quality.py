"""What can be said of data without a network: exact copies, and classes that look like mistakes."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.dataset import Dataset, LeftOut

Rows = NDArray[np.int64]

LITTER = frozenset(
    (
        *("__macosx", "@eadir", "$recycle.bin", "system volume information", "lost+found"),
        *("__pycache__", ".ipynb_checkpoints"),
    )
)
"""Folders that systems and archives leave behind, in small letters: none is a class."""

MOST_AGAIN = 0.1
"""Share of validation examples that may be among the training examples, too: a few pictures are
taken twice."""

NAMED = 8
"""How many names are listed; the others are only counted."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Rows of examples that are the same byte for byte; group g is rows[starts[g]:starts[g + 1]].

    Args:
        rows: Ascending within a group; groups by their first row.
        starts: Shape (number of groups + 1,).
    """

    rows: Rows
    starts: Rows

    def __len__(self) -> int:
        """How many groups there are."""
        return len(self.starts) - 1

    def __iter__(self) -> Iterator[Rows]:
        """The rows of each group."""
        for start, end in zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True):
            yield self.rows[start:end]


@dataclass(frozen=True)
class Again(LeftOut):
    """A validation example that was left out: training examples are the same byte for byte.

    Args:
        label: The name of its class.
        rows: Of those training examples.
    """

    label: str = ""
    rows: tuple[int, ...] = ()


def conflicts(data: Dataset) -> Groups:
    """Exact copies that do not all carry the same label: at least one of each group is wrong."""
    order, starts = _sorted(data.hashes)
    labels = data.labels[order]
    low = np.minimum.reduceat(labels, starts[:-1]) if len(labels) else labels
    high = np.maximum.reduceat(labels, starts[:-1]) if len(labels) else labels
    return _chosen(order, starts, low != high)


def shared(train: Dataset, validation: Dataset) -> Groups:
    """Exact copies across both; rows from ``len(train)`` on are those of the validation part."""
    order, starts = _sorted(np.concatenate([train.hashes, validation.hashes]))
    held_out = (order >= len(train)).astype(np.int64)
    of = np.add.reduceat(held_out, starts[:-1]) if len(order) else held_out
    return _chosen(order, starts, (of > 0) & (of < np.diff(starts)))


def duplicates(data: Dataset) -> int:
    """How many examples repeat another one under the same label."""
    keys = np.concatenate(
        [data.hashes, data.labels.astype("<i8").view(np.uint8).reshape(-1, 8)], axis=1
    )
    _, starts = _sorted(keys)
    return len(data) - (len(starts) - 1)


def held_out(train: Dataset, validation: Dataset) -> Dataset:
    """The validation examples that no training example is the same as; the others are left out.

    Where these are more than `MOST_AGAIN` of them, all stay, and a note says so: then they were
    given on purpose, or nothing much would be left.
    """
    again: dict[int, tuple[int, ...]] = {}
    for rows in shared(train, validation):
        taught = tuple(rows[rows < len(train)].tolist())
        again |= {int(row) - len(train): taught for row in rows[rows >= len(train)]}
    if not again:
        return validation
    told = f"{len(again):,} of {len(validation):,} examples are among the training ones"
    if len(again) > MOST_AGAIN * len(validation):
        note = f"{told}, too: what is found with their help is not held out."
        return dataclasses.replace(validation, notes=(*validation.notes, note))
    out = [
        Again(
            path=str(validation.ids[row]),
            reason=f"the same as the training example {train.ids[taught[0]]}",
            label=validation.class_names[validation.labels[row]],
            rows=taught,
        )
        for row, taught in sorted(again.items())
    ]
    stays = np.ones(len(validation), dtype=bool)
    stays[list(again)] = False
    return dataclasses.replace(
        validation.take(stays),
        left_out=(*validation.left_out, *out),
        notes=(*validation.notes, f"{told}, too, and were left out: they are not held out."),
    )


def class_warnings(train: Dataset, validation: Dataset | None = None) -> list[str]:
    """What looks like a mistake about the classes, a sentence each."""
    names = train.class_names
    counts = np.bincount(train.labels, minlength=len(names)).tolist()
    found = [
        f"The classes {listed(alike)} differ only by case, blanks or Unicode form: merge them, if "
        "they are one."
        for alike in _alike(names)
    ]
    found += [
        f"{_quoted(name)} is a class here, but archives and systems leave such folders behind: "
        "drop the class, if it is none."
        for name in names
        if name.strip().lower() in LITTER
    ]
    for number, words in ((0, "Classes without an example"), (1, "Classes of one example")):
        if which := [name for name, n in zip(names, counts, strict=True) if n == number]:
            found.append(f"{words}: {listed(which)}.")
    if validation is not None:
        has = np.bincount(validation.labels, minlength=len(names))
        missing = [name for name, n, m in zip(names, counts, has, strict=False) if n and not m]
        if missing:
            found.append(f"The validation part has no example of {listed(missing)}.")
    return found


def listed(names: Sequence[str]) -> str:
    """The first names, in quotes, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(_quoted, names[:NAMED])) + more


def _quoted(name: str) -> str:
    """In quotes, or nobody sees the blank at the end."""
    return f"'{name if len(name) <= 60 else name[:59] + '…'}'"


def _alike(names: Sequence[str]) -> list[list[str]]:
    by_form: dict[str, list[str]] = {}
    for name in names:
        form = "".join(unicodedata.normalize("NFKC", name).casefold().split())
        by_form.setdefault(form, []).append(name)
    return [alike for alike in by_form.values() if len(alike) > 1]


def _sorted(keys: NDArray[np.uint8]) -> tuple[Rows, Rows]:
    """Row numbers with equal keys side by side, ascending; and where each new key starts."""
    if not len(keys):
        return np.zeros(0, np.int64), np.zeros(1, np.int64)
    words = np.ascontiguousarray(keys).view(np.uint64)
    order = np.lexsort(words.T).astype(np.int64)
    placed = words[order]
    new = np.flatnonzero((placed[1:] != placed[:-1]).any(axis=1)) + 1
    return order, np.concatenate([[0], new, [len(keys)]]).astype(np.int64)


def _chosen(order: Rows, starts: Rows, is_chosen: NDArray[np.bool_]) -> Groups:
    """Some of the groups, by their first rows."""
    which = np.flatnonzero(is_chosen)
    which = which[np.argsort(order[starts[which]], kind="stable")]
    sizes = (starts[which + 1] - starts[which]).astype(np.int64)
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    # The place of each member in `order`: where its group starts there, and how far on it is.
    places = np.repeat(starts[which] - ends[:-1], sizes) + np.arange(ends[-1])
    return Groups(order[places], ends)
