"""What else can be said of data from the features and opinions that find wrong labels."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Dataset
from radiotracer.health.near_duplicates import NONE, near_duplicates
from radiotracer.health.neighbours import DIRECTIONS, MOST
from radiotracer.health.outliers import THRESHOLD, outliers
from radiotracer.health.overlap import Overlap, Swap, overlaps, swaps, wrong_by_pair
from radiotracer.opinions import Opinions
from radiotracer.opinions.reduced import reduction_of

LISTED = 100
"""Groups, outliers and pairs that a summary holds; the files have all."""

MEMBERS = 20
"""Examples of each group."""

Part = Literal["train", "validation"]


@dataclass(frozen=True)
class Member:
    """An example of a group of near copies.

    Args:
        part: Where it belongs.
        row: Its row in that part.
        id: Its id.
        label: The name of its class.
        similarity: To the nearest other one of the group, in (0, 1].
    """

    part: Part
    row: int
    id: str
    label: str
    similarity: float


@dataclass(frozen=True)
class Outlier:
    """A training example that is unlike all others.

    Args:
        row: Its row.
        id: Its id.
        label: The name of its class.
        score: Standard deviations by which it is farther from its neighbours than is usual.
    """

    row: int
    id: str
    label: str
    score: float


@dataclass(frozen=True)
class Health:
    """What stands out beside single labels.

    Args:
        class_names: One per class.
        near_duplicates: Groups of examples that are nearly, but not byte for byte, the same; the
            surest first. A group with members of both parts is a leak.
        largest_ratio: Of the distances of near copies, in relation to what is usual among others.
        outliers: The farthest first.
        overlaps: Pairs of classes, the largest share first.
        swaps: Wrong labels by pair of classes, the most first.
        wrong: How many wrong labels are expected in all.
        notes: What was not looked for, and why; sentences.
    """

    class_names: tuple[str, ...]
    near_duplicates: tuple[tuple[Member, ...], ...] = ()
    largest_ratio: float = 0.0
    outliers: tuple[Outlier, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    swaps: tuple[Swap, ...] = ()
    wrong: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def leaks(self) -> tuple[tuple[Member, ...], ...]:
        """The groups of near copies that have examples of both parts."""
        return tuple(
            group for group in self.near_duplicates if len({each.part for each in group}) > 1
        )

    @property
    def labels_differ(self) -> tuple[tuple[Member, ...], ...]:
        """The groups of near copies under different labels."""
        return tuple(
            group for group in self.near_duplicates if len({each.label for each in group}) > 1
        )

    def as_json(self) -> dict[str, Any]:
        """For summaries and programs: counts, thresholds, and the first `LISTED` of each kind."""
        names = self.class_names
        groups = self.near_duplicates
        return {
            "near_duplicates": {
                "groups": len(groups),
                "examples": sum(map(len, groups)),
                "under_different_labels": len(self.labels_differ),
                "in_both_parts": len(self.leaks),
                "least_similarity": 1.0 - self.largest_ratio,
                "first": [
                    [
                        {
                            "part": each.part,
                            "id": each.id,
                            "label": each.label,
                            "similarity": each.similarity,
                        }
                        for each in group[:MEMBERS]
                    ]
                    for group in groups[:LISTED]
                ],
            },
            "outliers": {
                "examples": len(self.outliers),
                "threshold": THRESHOLD,
                "first": [
                    {"id": each.id, "label": each.label, "score": each.score}
                    for each in self.outliers[:LISTED]
                ],
            },
            "overlapping_classes": [
                {
                    "classes": [names[each.first], names[each.second]],
                    "examples": each.count,
                    "share": each.share,
                }
                for each in self.overlaps[:LISTED]
            ],
            "wrong_labels": {
                "expected": self.wrong,
                "pairs": [
                    {
                        "given": names[each.given],
                        "likely": names[each.likely],
                        "expected": each.count,
                    }
                    for each in self.swaps[:LISTED]
                ],
            },
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """For a terminal: a line for each of three kinds of which there is something to say."""
        found = []
        if groups := self.near_duplicates:
            n = sum(map(len, groups))
            parts = [f"{len(groups):,} group{_s(len(groups))} of near copies ({n:,} examples)"]
            parts += [f"{len(each):,} {words}" for each, words in self._told() if each]
            found.append(", ".join(parts))
        if far := self.outliers:
            shown = ", ".join(each.id for each in far[:3]) + (", …" if len(far) > 3 else "")
            words = "examples are" if len(far) > 1 else "example is"
            found.append(f"{len(far):,} {words} unlike all others: {shown}")
        if pairs := self.overlaps:
            named = [
                f"{self.class_names[each.first]} and {self.class_names[each.second]} "
                f"({100 * each.share:.0f} %)"
                for each in pairs[:3]
            ]
            more = ", …" if len(pairs) > 3 else ""
            found.append(f"classes that are taken for one another: {', '.join(named)}{more}")
        return found

    def _told(self) -> list[tuple[tuple[tuple[Member, ...], ...], str]]:
        return [
            (self.labels_differ, "under different labels"),
            (self.leaks, "in the training and in the validation part"),
        ]


def health_of(opinions: Opinions, train: Dataset, validation: Dataset | None = None) -> Health:
    """What else the opinions, and the features that they rest on, say of data.

    Examples that are the same byte for byte are not told here: `radiotracer.data.account` does.
    Without features nothing is said of near copies and outliers, and beyond `MOST` examples
    neither, with a note.

    Args:
        opinions: About exactly these examples.
        train: The n training examples.
        validation: The m validation examples that there are opinions about, or None.
    """
    wrong = wrong_by_pair(opinions.outputs, opinions.labels, opinions.noise.share)
    health = Health(
        class_names=train.class_names,
        overlaps=overlaps(opinions.outputs),
        swaps=swaps(wrong),
        wrong=float(wrong.sum()),
    )
    features = opinions.features
    if features is None:
        return health
    shown = None if validation is None else opinions.validation_features
    total = len(features) + (0 if shown is None else len(shown))
    if total > MOST:
        note = (
            f"Near copies and outliers were not looked for: {total:,} examples are more than "
            f"{MOST:,}."
        )
        return dataclasses.replace(health, notes=(note,))
    known = opinions.reduction
    reduce = (known and known.first(DIRECTIONS)) or reduction_of(features, DIRECTIONS)
    points = reduce(features)
    seen = None if shown is None else reduce(shown)
    groups, ratio = _groups(points, train, seen, validation)
    far = outliers(features, points)
    return dataclasses.replace(
        health,
        near_duplicates=groups,
        largest_ratio=ratio,
        outliers=tuple(
            Outlier(row, str(train.ids[row]), train.class_names[train.labels[row]], score)
            for row, score in zip(far.rows.tolist(), far.scores.tolist(), strict=True)
        ),
    )


def _groups(
    points: NDArray[np.float32],
    train: Dataset,
    shown: NDArray[np.float32] | None,
    validation: Dataset | None,
) -> tuple[tuple[tuple[Member, ...], ...], float]:
    """Near copies among both parts, and the largest ratio of their distances."""
    hashes = train.hashes
    if shown is not None and validation is not None:
        hashes = np.concatenate([hashes, validation.hashes])
        points = np.concatenate([points, shown])
    # One of each that are the same byte for byte, the first: so a training example, if any is.
    _, first = np.unique(hashes, axis=0, return_index=True)
    rows = np.sort(first)
    found = near_duplicates(points[rows]) if len(rows) else NONE
    members = [
        _member(row, similarity, train, validation)
        for row, similarity in zip(
            rows[found.rows].tolist(), found.similarity.tolist(), strict=True
        )
    ]
    starts = found.starts.tolist()
    return tuple(tuple(members[a:b]) for a, b in itertools.pairwise(starts)), found.threshold


def _member(row: int, similarity: float, train: Dataset, validation: Dataset | None) -> Member:
    part: Part = "train" if row < len(train) or validation is None else "validation"
    data, own = (
        (train, row)
        if validation is None or part == "train"
        else (
            validation,
            row - len(train),
        )
    )
    return Member(part, own, str(data.ids[own]), data.class_names[data.labels[own]], similarity)


def _s(count: int) -> str:
    return "s" * (count != 1)
