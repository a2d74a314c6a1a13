"""Features as models are given them: the directions in which examples differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 384
"""Directions at most."""

PER_DIRECTION = 8
"""Examples for each direction, at least: with fewer a model learns examples by heart."""

EXACT = 1024
"""Examples or features up to which directions are found exactly."""

LEAST = 16
"""Directions at least, however few examples there are."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """Standardises features, turns them into their principal directions, and scales all alike.

    Labels are not asked, so that it may be fitted to all examples at once.

    Args:
        mean: Shape (d,).
        turn: Shape (d, k), the directions in which examples differ most first; or (d,), where every
            feature is kept, to be multiplied by that.
    """

    mean: NDArray[np.float32]
    turn: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shape (n, d) to (n, k)."""
        less = features - self.mean
        return np.asarray(less * self.turn if self.turn.ndim == 1 else less @ self.turn, np.float32)

    def first(self, directions: int) -> Reduction | None:
        """The same in so many directions; None where it has fewer, or turns nothing."""
        if self.turn.ndim == 1 or self.turn.shape[1] < directions:
            return None
        return Reduction(self.mean, self.turn[:, :directions])


def reduction_of(features: NDArray[np.float32], directions: int | None = None) -> Reduction:
    """The reduction that is fitted to features of shape (n, d); of k = d where d is small.

    Every feature is divided by its standard deviation first; those that are the same for all
    examples count for nothing. In the end the k numbers have unit variance on average, while their
    ratios stay: directions in which examples hardly differ stay small, and a decay keeps them so.

    Args:
        features: Finite, shape (n, d).
        directions: k at most; None is as many as models may be given for n examples.
    """
    n, d = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    # What rounding leaves of a constant is no direction.
    scale = np.where(
        spread > 1e-6 * np.maximum(np.abs(mean), 1e-30), 1.0 / np.maximum(spread, 1e-30), 0.0
    )
    most = max(LEAST, min(MOST, n // PER_DIRECTION)) if directions is None else directions
    k = min(n, d, most)
    if k == d:
        factor = np.sqrt(k / max(int((scale > 0.0).sum()), 1))
        return Reduction(mean.astype(np.float32), (factor * scale).astype(np.float32))
    given = ((features - mean) * scale).astype(np.float32)
    values, vectors = _principal(given, k)
    turn = scale[:, np.newaxis] * vectors
    total = max(float(values.sum()), 1e-30)
    return Reduction(mean.astype(np.float32), (turn * np.sqrt(k / total)).astype(np.float32))


def _principal(
    given: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances along the k principal directions, descending, shape (k,), and these, (d, k)."""
    n, d = given.shape
    if min(n, d) > EXACT:
        from sklearn.utils.extmath import randomized_svd

        # Halko, Martinsson and Tropp 2011, arXiv:0909.4061: all that is lost is in the last ones.
        _, lengths, rows = randomized_svd(given, k, n_iter=4, random_state=0)
        return np.square(lengths, dtype=np.float64) / n, rows.T.astype(np.float64)
    if n < d:
        values, left = np.linalg.eigh((given @ given.T).astype(np.float64))
        values, left = np.maximum(values[: -k - 1 : -1], 0.0), left[:, : -k - 1 : -1]
        lengths = np.sqrt(values)
        kept = np.divide(
            1.0,
            lengths,
            out=np.zeros_like(lengths),
            where=lengths > 1e-6 * lengths.max(initial=0.0),
        )
        return values / n, (given.T @ left) * kept
    values, vectors = np.linalg.eigh((given.T @ given / n).astype(np.float64))
    return np.maximum(values[: -k - 1 : -1], 0.0), vectors[:, : -k - 1 : -1]
