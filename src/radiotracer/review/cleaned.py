"""What the decisions make of the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.review.decisions import Event


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Data without what was dropped, and with the new labels.

    Args:
        before: As they were scanned.
        after: As they are now; ids, order and pixels are those of `before`.
        counts: Examples by decision.
        moves: (label, new label), and how many examples were relabelled so.
    """

    before: Dataset
    after: Dataset
    counts: Mapping[str, int]
    moves: Mapping[tuple[str, str], int]


def clean(examples: Dataset, decided: Sequence[Event]) -> Cleaned:
    """Carry out decisions.

    Raises:
        InputError: Nothing would be left of a class.
    """
    row_of = {name: row for row, name in enumerate(examples.ids.tolist())}
    names = examples.class_names
    labels = examples.labels.copy()
    stays = np.ones(len(examples), dtype=bool)
    moves: Counter[tuple[str, str]] = Counter()
    for event in decided:
        row = row_of[event.example]
        if event.decision.verb == "drop":
            stays[row] = False
        elif event.decision.new_label is not None:
            moves[names[labels[row]], event.decision.new_label] += 1
            labels[row] = names.index(event.decision.new_label)
    had, has = (
        np.bincount(each, minlength=len(names)) for each in (examples.labels, labels[stays])
    )
    emptied = [name for name, n, m in zip(names, had, has, strict=True) if n and not m]
    if emptied:
        raise InputError(
            expected="an example left in each class, to learn it from",
            came=f"none in {', '.join(emptied[:10])}",
            do="keep one of each class, or take the class out of the data by hand",
        )
    return Cleaned(
        before=examples,
        after=examples.with_labels(labels).take(stays),
        counts=Counter(str(event.decision.verb) for event in decided),
        moves=moves,
    )
