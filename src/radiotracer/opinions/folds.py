"""Which examples a model is not fitted to: K parts, every class spread over all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FOLDS = 10
"""K: each model is fitted to 90 % of the examples."""


def folds_of(labels: NDArray[np.int64], seed: int, folds: int = FOLDS) -> NDArray[np.int64]:
    """The fold of each example, int64, shape (n,), in [0, folds).

    Classes are dealt out one after the other, in an order of their own, and the next class begins
    where the last one ended: every fold has as many examples of a class as any other but for one,
    and the folds are equally large but for one. Fewer than `folds` examples make as many folds.

    Args:
        labels: Shape (n,).
        seed: Which example is in which fold.
        folds: K.
    """
    count = min(folds, len(labels))
    shuffled = np.random.default_rng([seed, 21]).permutation(len(labels))
    dealt = shuffled[np.argsort(labels[shuffled], kind="stable")]
    found = np.empty(len(labels), dtype=np.int64)
    found[dealt] = np.arange(len(labels)) % max(count, 1)
    return found
