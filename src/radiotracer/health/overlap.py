"""Pairs of classes that nobody can keep apart, and pairs between which labels went wrong.

With q the out-of-fold probabilities of what an example is, and g its likeliest class, an example
belongs to another class t with probability q_t, whatever its label says. What is expected to be
taken for one another between classes a and b is therefore

    sum over i with g_i = a of q_ib  +  sum over i with g_i = b of q_ia

q has been told apart from wrong labels when the opinions were calibrated (`opinions/noise.py`), so
wrong labels alone make no overlap. They are counted by themselves. Of an example of label y

    P(truth t | x, y) = q_t T_ty / sum over s of q_s T_sy,      T_ty = P(label y | truth t)

which summed over the examples of a given label are as many as are expected to be t. At first T is
that of the estimated share e, alike for all pairs, where the sum over t != y is P(wrong | x, y) of
`wrongness`. Then T is estimated from the sums, and the sums from T, a few times (the confusion of
observers by expectation and maximisation: Dawid and Skene 1979), each class with `PRIOR` examples
of the first T beside its own. On 3,000 photographs of which a tenth was mislabelled at random and a
fifth of the trucks were called ships, the sums correlate with the truth by 0.82, at first by 0.58.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

SHARE = 0.05
"""Of the examples of two classes: what is below is ordinary confusion."""

COUNT = 5.0
"""Examples that are expected to be taken for one another, at least."""

WRONG = 1.0
"""Wrong labels expected of a pair, at least."""

STEPS = 5
"""Estimates of T: with more, classes that only look alike drift apart into wrong labels."""

PRIOR = 100.0
"""Examples of each class that speak for wrong labels being alike for all pairs."""

BLOCK = 4096
"""Examples whose probabilities are in float64 at once."""

_Of = Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Overlap:
    """Two classes that overlap.

    Args:
        first: The class that comes first.
        second: The other one.
        count: How many examples are expected to be taken for one another.
        share: The same among all that are expected to be of these two classes, in [0, 1].
    """

    first: int
    second: int
    count: float
    share: float


@dataclass(frozen=True)
class Swap:
    """A given label and the class that its examples more likely are.

    Args:
        given: The label.
        likely: The class.
        count: How many labels are expected to be wrong in this way.
    """

    given: int
    likely: int
    count: float


def overlaps(outputs: NDArray[np.floating]) -> tuple[Overlap, ...]:
    """Pairs of classes beyond `SHARE` and `COUNT`, the largest share first.

    Args:
        outputs: Out-of-fold log probabilities, calibrated, shape (n, C).
    """
    guessed = outputs.argmax(axis=1).astype(np.int64)
    taken = _summed(guessed, outputs, lambda said, _: said)
    sizes = np.exp(outputs.astype(np.float64)).sum(axis=0)
    both = np.triu(taken + taken.T, 1)
    shares = both / np.maximum(sizes[:, np.newaxis] + sizes, 1e-30)
    found = [
        Overlap(a, b, float(both[a, b]), min(1.0, float(shares[a, b])))
        for a, b in np.argwhere((both >= COUNT) & (shares >= SHARE)).tolist()
    ]
    return tuple(sorted(found, key=lambda each: (-each.share, each.first, each.second)))


def wrong_by_pair(
    outputs: NDArray[np.floating], labels: NDArray[np.int64], share: float, steps: int = STEPS
) -> NDArray[np.float64]:
    """Expected wrong labels, shape (C, C): row the given label, column what it should be.

    Args:
        outputs: Out-of-fold log probabilities, calibrated, shape (n, C).
        labels: Given ones, shape (n,).
        share: The estimated share of wrong labels, in [0, 1).
        steps: With 1 all classes are put in the place of each other alike.
    """
    classes = outputs.shape[1]
    alike = np.full((classes, classes), share / max(1, classes - 1))
    np.fill_diagonal(alike, 1.0 - share)
    given, count = alike, np.zeros((classes, classes))
    for _ in range(steps):
        count = _summed(labels, outputs, functools.partial(_truth, given=given, labels=labels))
        by_truth = count.T + PRIOR * alike
        given = by_truth / by_truth.sum(axis=1, keepdims=True)
    np.fill_diagonal(count, 0.0)
    return count


def _truth(
    said: NDArray[np.float64],
    rows: NDArray[np.int64],
    *,
    given: NDArray[np.float64],
    labels: NDArray[np.int64],
) -> NDArray[np.float64]:
    """P(truth = t | x, y), shape (len(rows), C), where given[t, y] is P(label y | truth t)."""
    joint = said * given[:, labels[rows]].T
    return np.asarray(joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300))


def swaps(wrong: NDArray[np.float64]) -> tuple[Swap, ...]:
    """The pairs of `wrong_by_pair` with `WRONG` labels and more, the most first."""
    pairs = np.argwhere(wrong >= WRONG).tolist()
    found = [Swap(given, likely, float(wrong[given, likely])) for given, likely in pairs]
    return tuple(sorted(found, key=lambda each: (-each.count, each.given, each.likely)))


def _summed(
    groups: NDArray[np.int64], outputs: NDArray[np.floating], of: _Of
) -> NDArray[np.float64]:
    """Sums over the examples of each group of what `of` makes of their probabilities, (C, C)."""
    n, classes = outputs.shape
    total = np.zeros((classes, classes))
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n))
        values = of(np.exp(outputs[rows].astype(np.float64)), rows)
        member = csr_matrix(
            (np.ones(len(rows)), (groups[rows], rows - start)), shape=(classes, len(rows))
        )
        total += member @ values
    return total
