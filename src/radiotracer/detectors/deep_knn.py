"""Deep k-NN: an example whose neighbours in feature space carry other labels (Peri et al. 2020).

    score = (votes for the strongest other label - votes for its own) / k              in [-1, 1]

where the k nearest other examples vote with their labels; distances are Euclidean, between
penultimate features. The source removes what is not called by the label that most of its neighbours
carry: what scores above 0. A collision stands among the class of its target and is labelled
otherwise; a flipped label stands among its true class.

k is twice the size of a class, on average, as in the source's experiments (100, of classes of 50).
It has to exceed twice the number of poisons, so that they do not outvote the clean ones: poisons of
one target are each other's neighbours. It may exceed the size of a class, as the rest of the votes
are spread over many labels.

Differs from the source's code in:

- an order in place of a decision; a tie scores 0 and is not removed, where the source decides it by
  the number of the class;
- no example votes on itself, as in the code it does: there k = 1 removes nothing;
- k is `MOST` at most, for time, so in large data poisons by the hundred outvote the clean ones;
- rare classes are not repeated until all are equally large, as in the source they may be: examples
  of a class much rarer than k / 2 look suspicious.

Features of the last checkpoint, not of another network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.detectors.protocol import Survey
from radiotracer.detectors.registry import DETECTORS
from radiotracer.detectors.surveyed import FEATURES, Surveyed, features
from radiotracer.errors import InputError

MOST = 1000
"""Neighbours at most: two minutes for 60,000 examples on one core."""

BLOCK = 2048
"""Examples whose neighbours are in memory at once."""


def disagreement(
    points: NDArray[np.float32], labels: NDArray[np.int64], k: int
) -> NDArray[np.float64]:
    """How far another label outvotes an example's own, shape (n,), in [-1, 1].

    Args:
        points: Shape (n, d).
        labels: Shape (n,), from 0.
        k: From 1 to n - 1.
    """
    from sklearn.neighbors import NearestNeighbors

    if not 1 <= k < len(points):
        raise InputError(
            expected=f"k from 1 to one less than the {len(points)} examples",
            came=str(k),
            do="choose another k, or scan two examples or more",
        )
    search = NearestNeighbors(n_neighbors=k + 1).fit(points)
    classes = int(labels.max()) + 1
    scores = np.empty(len(points))
    for start in range(0, len(points), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(points)))
        nearest = search.kneighbors(points[rows], return_distance=False)
        others = nearest != rows[:, None]
        # Among more than k duplicates an example may miss itself; any of them may go instead.
        others[others.all(axis=1), -1] = False
        named = labels[nearest[others].reshape(len(rows), k)]
        cells = named + classes * np.arange(len(rows))[:, None]
        votes = np.bincount(cells.ravel(), minlength=classes * len(rows)).reshape(-1, classes)
        own = (np.arange(len(rows)), labels[rows])
        for_own = votes[own]
        votes[own] = 0
        scores[rows] = (votes.max(axis=1) - for_own) / k
    return scores


def neighbours(labels: NDArray[np.int64]) -> int:
    """k: twice the size of a class, on average, at most `MOST` and all others."""
    return min(2 * len(labels) // len(np.unique(labels)), MOST, len(labels) - 1)


def _suspicion(survey: Survey, seed: int) -> NDArray[np.float64]:
    labels = survey.train.labels.numpy()
    return disagreement(features(survey.train), labels, neighbours(labels))


DETECTORS.register(
    Surveyed(
        name="deep-knn",
        summary="how far another label outvotes its own among the nearest neighbours (Deep k-NN)",
        suspicion=_suspicion,
        needs=FEATURES,
    )
)
