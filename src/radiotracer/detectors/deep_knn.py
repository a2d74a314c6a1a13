"""Deep k-NN: an example whose neighbours in feature space carry other labels (Peri et al. 2020).

    score = - share of the k nearest other examples that carry the example's label     in [-1, 0]

in Euclidean distance between penultimate features. A collision stands among the class of its
target and is labelled otherwise; a flipped label stands among its true class.

The source removes examples by the labels among their k neighbours; here the share is a ranking. k
should exceed twice the number of poisons, so that they do not outvote the honest: poisons of one
target are each other's neighbours. A class of fewer than k examples cannot agree with itself, and
all of it looks suspicious. Features of the last checkpoint.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from radiotracer.detectors.protocol import Survey
from radiotracer.detectors.surveyed import FEATURES, Surveyed, features
from radiotracer.errors import InputError

NEIGHBOURS = 50
"""k, or one less than there are examples, whichever is smaller."""


def disagreement(
    points: NDArray[np.float32], labels: NDArray[np.int64], k: int
) -> NDArray[np.float64]:
    """Minus the share of the k nearest others with the same label, shape (n,), in [-1, 0].

    Args:
        points: Shape (n, d).
        labels: Shape (n,).
        k: From 1 to n - 1.
    """
    if not 1 <= k < len(points):
        raise InputError(
            expected=f"k from 1 to one less than the {len(points)} examples",
            came=str(k),
            do="choose another k, or scan two examples or more",
        )
    # Asked about its own points, it leaves each out of its own neighbours.
    nearest = NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
    shares: NDArray[np.float64] = (labels[nearest] == labels[:, None]).mean(axis=1)
    return -shares


def _suspicion(survey: Survey, seed: int) -> NDArray[np.float64]:
    points = features(survey.train)
    k = min(NEIGHBOURS, len(points) - 1)
    return disagreement(points, survey.train.labels.numpy(), k)


DEEP_KNN = Surveyed(
    name="deep-knn",
    summary="minus the share of the nearest neighbours that carry its label (Deep k-NN)",
    suspicion=_suspicion,
    needs=FEATURES,
)
