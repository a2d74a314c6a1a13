"""Features as models are given them: the directions in which examples differ most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 384
"""Directions at most."""

PER_DIRECTION = 8
"""Examples for each direction, at least: with fewer a model learns examples by heart."""

LEAST = 16
"""Directions at least, however few examples there are."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """Standardises features, turns them into their principal directions, and scales all alike.

    Labels are not asked, so that it may be fitted to all examples at once.

    Args:
        mean: Shape (d,).
        turn: Shape (d, k).
    """

    mean: NDArray[np.float32]
    turn: NDArray[np.float32]

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Shape (n, d) to (n, k)."""
        found: NDArray[np.float32] = (features - self.mean) @ self.turn
        return found


def reduction_of(features: NDArray[np.float32]) -> Reduction:
    """The reduction that is fitted to features of shape (n, d); of k = d where d is small.

    Every feature is divided by its standard deviation first; those that are the same for all
    examples count for nothing. In the end the k numbers have unit variance on average, while their
    ratios stay: directions in which examples hardly differ stay small, and a decay keeps them so.
    """
    n, d = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    spread = features.std(axis=0, dtype=np.float64)
    # What rounding leaves of a constant is no direction.
    scale = np.where(
        spread > 1e-6 * np.maximum(np.abs(mean), 1e-30), 1.0 / np.maximum(spread, 1e-30), 0.0
    )
    k = min(d, max(LEAST, min(MOST, n // PER_DIRECTION)))
    given = ((features - mean) * scale).astype(np.float32)
    values, vectors = np.linalg.eigh((given.T @ given / n).astype(np.float64))
    turn = scale[:, np.newaxis] * vectors[:, -k:]
    total = max(float(values[-k:].sum()), 1e-30)
    return Reduction(mean.astype(np.float32), (turn * np.sqrt(k / total)).astype(np.float32))
