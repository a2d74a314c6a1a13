"""Training examples that are known to be clean, and what they say about the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chisquare

from radiotracer.errors import InputError
from radiotracer.stats import (
    conformal_p_values,
    conformal_p_values_by_group,
    smallest_reference,
)

TWENTIETH = 0.05
"""Classes are told apart if each reference can flag examples that are this share of the tested."""

VISIBLE = 1e-3
"""P-value below which a reference is visibly no random sample of the classes."""

NAMED = 5
"""Reference examples that a warning names."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Training examples that are known to be clean, and that the network was trained on.

    The network knows what it was trained on, so that the scores of other validation examples (a
    test split) are no measure. A random sample of the training examples that a person has looked
    at, without those that were tampered with, is a measure.

    Args:
        rows: Into the training examples, int64, shape (m,), each once.
        source: Where they come from, for people: ``reviewed.csv``.
    """

    rows: NDArray[np.int64]
    source: str

    def __post_init__(self) -> None:
        """Refuse rows that are none, or there twice."""
        rows = np.asarray(self.rows)
        good = rows.ndim == 1 and rows.size > 0 and rows.dtype.kind in "iu"
        if not good or rows.min() < 0 or len(np.unique(rows)) < rows.size:
            raise InputError(
                expected=f"the rows of reference examples, each once ({self.source})",
                came=f"{rows.dtype} of shape {rows.shape}"
                if not good
                else "negative or equal rows",
                do="give row numbers of training examples",
            )

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)

    def __repr__(self) -> str:
        """How many, and where they come from."""
        return f"Reference({len(self):,} examples, {self.source[:200]!r})"

    def require_use(self, examples: int, rate: float) -> None:
        """Raise `InputError` unless it is a part of the examples, and large enough for the rate."""
        if self.rows.max() >= examples or len(self) >= examples:
            raise InputError(
                expected=f"a reference that is a part of the {examples:,} training examples",
                came=f"{len(self):,} rows up to {self.rows.max()} ({self.source})",
                do="give rows of training examples, and leave some to test",
            )
        least = smallest_reference(rate)
        if len(self) < least:
            raise InputError(
                expected=f"at least {least:,} reference examples for a false discovery rate of "
                f"{rate:g}, and many times more where few examples are tampered with",
                came=f"{len(self):,} ({self.source})",
                do="review more examples, or allow a larger fdr=",
            )


@dataclass(frozen=True, eq=False)
class Tested:
    """The examples against a reference.

    Args:
        p_values: Conformal, shape (n,); NaN in the reference, which is not tested.
        smallest: What each could be at least, 1 / (m + 1), shape (n,).
        by_class: Whether every example was held against the reference of its own class.
        words: What was held against what, for people.
    """

    p_values: NDArray[np.float64]
    smallest: NDArray[np.float64]
    by_class: bool
    words: str

    @property
    def tested(self) -> NDArray[np.bool_]:
        """Which examples were tested, shape (n,)."""
        return np.isfinite(self.p_values)


def against(
    scores: NDArray[np.float64], labels: NDArray[np.int64], reference: Reference, rate: float
) -> Tested:
    """Conformal p-values of all examples outside the reference.

    Each is held against the reference of its own class where that of every class is large enough
    for the rate (`TWENTIETH`), otherwise all are held against the whole reference. That depends
    on the sizes alone, never on the scores, so that the p-values hold either way.

    Args:
        scores: Shape (n,), higher = more suspicious.
        labels: Given labels, shape (n,), all the same where there are no classes.
        reference: Some of the n examples.
        rate: The false discovery rate to be kept, in (0, 1).

    Raises:
        InputError: The reference is too small for the rate, or not a part of the examples.
    """
    reference.require_use(len(scores), rate)
    tested = np.ones(len(scores), dtype=bool)
    tested[reference.rows] = False
    classes, labels = np.unique(labels, return_inverse=True)
    theirs = labels[reference.rows]
    sizes = np.bincount(theirs, minlength=len(classes))
    enough = bool((sizes[labels[tested]] >= smallest_reference(rate, TWENTIETH)).all())
    by_class = len(classes) > 1 and enough
    p_values, smallest = np.full(len(scores), np.nan), np.full(len(scores), np.nan)
    known = scores[reference.rows]
    if by_class:
        p_values[tested] = conformal_p_values_by_group(
            scores[tested], labels[tested], known, theirs
        )
        smallest[tested] = 1.0 / (sizes[labels[tested]] + 1.0)
    else:
        p_values[tested] = conformal_p_values(scores[tested], known)
        smallest[tested] = 1.0 / (len(reference) + 1.0)
    how = "each class by itself" if by_class else "all classes together"
    apart = f", {how}" if len(classes) > 1 else ""
    words = f"against {len(reference):,} reference examples{apart}: {reference.source}"
    return Tested(p_values, smallest, by_class, words)


def reference_warnings(
    reference: Reference,
    posteriors: NDArray[np.float64],
    labels: NDArray[np.int64],
    ids: NDArray[np.str_],
    *,
    by_class: bool,
) -> list[str]:
    """What speaks against a reference: tampered examples in it, or no random sample; for people.

    Args:
        reference: Some of n examples.
        posteriors: Estimated probability that each was tampered with, shape (n,), in [0, 1].
        labels: Given labels, shape (n,).
        ids: Shape (n,).
        by_class: Whether every class was held against its own reference, so that it does not
            matter how many of each class there are.
    """
    found = []
    theirs = posteriors[reference.rows]
    likely = reference.rows[np.argsort(-theirs, kind="stable")][: int((theirs > 0.5).sum())]
    if len(likely):
        more = ", ..." if len(likely) > NAMED else ""
        found.append(
            f"{len(likely):,} of the {len(reference):,} reference examples look more likely "
            f"changed than not (about {theirs.sum():.1f} changed ones are expected among all of "
            f"them): {', '.join(ids[likely[:NAMED]])}{more}. Review them again: a tampered "
            "reference hides tampered examples."
        )
    classes, whole = np.unique(labels, return_counts=True)
    counts = np.array([(labels[reference.rows] == label).sum() for label in classes])
    if not by_class and len(classes) > 1:
        p_value = chisquare(counts, whole * (len(reference) / len(labels))).pvalue
        if p_value < VISIBLE:
            found.append(
                "The reference is no random sample of the training examples: its classes are "
                f"distributed otherwise (chi-square p = {p_value:.1g}), so the false discovery "
                "rate is not guaranteed. Review a random sample, or more of every class."
            )
    return found
