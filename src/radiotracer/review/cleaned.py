"""What the decisions make of the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radiotracer.data import Dataset
from radiotracer.data.mending import mended
from radiotracer.errors import InputError
from radiotracer.review.decisions import Event


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Data without what was dropped, and with the new labels.

    Args:
        before: As they were scanned.
        after: As they are now; ids, order and pixels are those of `before`. It keeps the names of
            classes that have no example any more.
        counts: Examples by decision.
        moves: (label, new label), and how many examples were relabelled so.
        emptied: Names of classes that had examples and have none any more.
    """

    before: Dataset
    after: Dataset
    counts: Mapping[str, int]
    moves: Mapping[tuple[str, str], int]
    emptied: tuple[str, ...] = ()


def clean(
    examples: Dataset,
    decided: Sequence[Event],
    *,
    merge: Sequence[str] = (),
    drop_class: Sequence[str] = (),
) -> Cleaned:
    """Carry out decisions, and after them merge and drop classes (`mended`).

    Raises:
        InputError: No example would be left, or a class to merge or to drop is unknown.
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
    if not stays.any():
        raise InputError(
            expected="an example that is left", came="none: all are dropped", do="keep some of them"
        )
    after = mended(examples.with_labels(labels).take(stays), merge, drop_class)
    left = {after.class_names[label] for label in np.unique(after.labels)}
    had = [names[label] for label in np.unique(examples.labels)]
    return Cleaned(
        before=examples,
        after=after,
        counts=Counter(str(event.decision.verb) for event in decided),
        moves=moves,
        emptied=tuple(name for name in had if name not in left),
    )
