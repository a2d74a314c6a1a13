"""Activation clustering: the small one of a class's two clusters (Chen et al. 2019).

The penultimate features of all examples with one given label are reduced to ten dimensions and cut
in two by k-means. If the class was poisoned, one cluster holds the poison and is small, and the two
lie well apart. Hence

    score = (1 - share of the class in the example's cluster) x silhouette of the class, in [0, 1)

with the mean silhouette coefficient (Rousseeuw 1987; 0 where it is negative). A class of fewer than
three examples, or of equal ones, has score 0.

Differs from the source in: there a class is judged poisoned, by the size of the smaller cluster or
by the silhouette, and then loses that cluster whole; here both make one score. It is the same for
all examples of a cluster, so that there are many ties. The ten dimensions are principal components
in place of independent ones: independent components are a rotation of *whitened* principal ones,
k-means does not see rotations, and whitening hides the one direction that tells poison apart among
nine that do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.detectors.protocol import Survey
from radiotracer.detectors.registry import DETECTORS
from radiotracer.detectors.surveyed import FEATURES, Surveyed, features

DIMENSIONS = 10
STARTS = 10
"""First centres that k-means tries."""


def smallness(
    points: NDArray[np.float32], labels: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """The score of every example, from shapes (n, d) and (n,) to (n,)."""
    scores = np.zeros(len(points))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        scores[rows] = _of_class(points[rows].astype(np.float64), seed)
    return scores


def _of_class(points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import silhouette_score

    if len(points) < 3 or (points == points[0]).all():
        return np.zeros(len(points))
    reduced = PCA(min(DIMENSIONS, *points.shape), svd_solver="full").fit_transform(points)
    cluster = KMeans(2, n_init=STARTS, random_state=seed).fit_predict(reduced)
    shares = np.bincount(cluster) / len(points)
    apart = max(0.0, float(silhouette_score(reduced, cluster)))
    smaller: NDArray[np.float64] = (1.0 - shares[cluster]) * apart
    return smaller


def _suspicion(survey: Survey, seed: int) -> NDArray[np.float64]:
    return smallness(features(survey.train), survey.train.labels.numpy(), seed)


DETECTORS.register(
    Surveyed(
        name="activation-clustering",
        summary="smallness of its cluster, by how far apart the two are (activation clustering)",
        suspicion=_suspicion,
        needs=FEATURES,
    )
)
