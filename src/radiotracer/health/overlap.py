"""Pairs of classes that nobody can keep apart, and pairs between which labels went wrong.

With q the out-of-fold probabilities of what an example is, and g its likeliest class, an example
belongs to another class t with probability q_t, whatever its label says. What is expected to be
taken for one another between classes a and b is therefore

    sum over i with g_i = a of q_ib  +  sum over i with g_i = b of q_ia

q has been told apart from wrong labels when the opinions were calibrated (`opinions/noise.py`), so
wrong labels alone make no overlap. They are counted by themselves: of a label y the truth is t with

    P(wrong | x, y) q_t / (1 - q_y)

summed over all examples of a given label: as many are expected to be wrong, and to be t. The sum
over all pairs is the expected number of wrong labels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from radiotracer.opinions.noise import wrongness

SHARE = 0.03
"""Of the examples of two classes: what is below is ordinary confusion."""

COUNT = 5.0
"""Examples that are expected to be taken for one another, at least."""

WRONG = 1.0
"""Wrong labels expected of a pair, at least."""

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
    outputs: NDArray[np.floating], labels: NDArray[np.int64], share: float
) -> NDArray[np.float64]:
    """Expected wrong labels, shape (C, C): row the given label, column what it should be.

    Args:
        outputs: Out-of-fold log probabilities, calibrated, shape (n, C).
        labels: Given ones, shape (n,).
        share: The estimated share of wrong labels.
    """
    classes = outputs.shape[1]

    def wrong(said: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        own = (np.arange(len(rows)), labels[rows])
        is_wrong = wrongness(outputs[rows, labels[rows]], share, classes)
        said[own] = 0.0
        rest = np.maximum(said.sum(axis=1), 1e-300)
        return np.asarray(said * (is_wrong / rest)[:, np.newaxis])

    return _summed(labels, outputs, wrong)


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
