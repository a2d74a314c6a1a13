"""Examples that are unlike all others: drawings among photographs, noise, broken rows.

The score of an example is its mean distance to the k nearest others, compared with everybody's:
how many times the spread of the upper half the logarithm is above the median,

    score = (log s - median) / ((upper quartile - median) / 0.6745)

so that it is a number of standard deviations where the logarithms are normal, no unit or backbone
matters, and what lies far out does not move it. Mean distances to neighbours as a score: Angiulli
and Pizzuti 2002. Two distances are asked, and the larger score counts: Euclidean after scaling,
and, of features with `LONG` numbers and more, of the features' directions as they are. Networks
answer what they do not know with little of everything, which is near to the middle, but in a
direction of its own: among 3,000 photographs the first one finds none of the drawings, the second
nearly all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.health.neighbours import DIRECTIONS, nearest
from radiotracer.opinions.reduced import reduction_of

NEIGHBOURS = 20
"""k. What occurs together with more than so many of its like is no outlier but a small group."""

THRESHOLD = 3.0
"""Standard deviations."""

MOST = 0.01
"""Share of all examples that may be called outliers: heavy tails have many, none of them wrong."""

LEAST = 30
"""Examples below which nobody knows what is usual."""

LONG = 64
"""Numbers of a vector from which on its direction says something by itself."""


@dataclass(frozen=True, eq=False)
class Outliers:
    """The examples that are unlike all others.

    Args:
        rows: The highest score first, int64, shape (r,).
        scores: Theirs, float64, shape (r,).
        threshold: What these exceed.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]
    threshold: float

    def __len__(self) -> int:
        """How many there are."""
        return len(self.rows)


def outliers(features: NDArray[np.float32], points: NDArray[np.float32] | None = None) -> Outliers:
    """The outliers among n examples.

    Args:
        features: Finite, shape (n, d).
        points: Their reduction (`reduction_of`), shape (n, k), where it is known already.
    """
    scores = outlier_scores(features, points)
    rows = np.argsort(-scores, kind="stable")[: int(MOST * len(scores))]
    rows = rows[scores[rows] > THRESHOLD]
    return Outliers(rows, scores[rows], THRESHOLD)


def outlier_scores(
    features: NDArray[np.float32], points: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """The scores, float64, shape (n,); 0 for all where there are fewer than `LEAST`."""
    n, d = features.shape
    if n < LEAST:
        return np.zeros(n)
    if points is None:
        points = reduction_of(features, DIRECTIONS)(features)
    scores = unusual(points)
    if d >= LONG:
        lengths = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-30)
        scores = np.maximum(scores, unusual(np.asarray(features / lengths, dtype=np.float32)))
    return scores


def unusual(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far from their neighbours points are, in standard deviations, shape (n,)."""
    distances = nearest(points, min(NEIGHBOURS, len(points) - 1)).distances.mean(axis=1)
    # Copies are at no distance at all, which is not unusual either.
    logs = np.log(np.maximum(distances, 1e-3 * np.median(distances) + 1e-30))
    middle, upper = np.quantile(logs, [0.5, 0.75])
    spread = max(float(upper - middle) / 0.6745, 1e-6 + 1e-2 * abs(float(upper - middle)))
    return np.asarray((logs - middle) / spread, dtype=np.float64)
