"""Spectral signatures: what stands out along a class's main direction (Tran et al. 2018).

    score = <h_i - mean of the class, v>^2     in squared units of the features, at least 0

with h_i the penultimate features of the last checkpoint, and v the first right singular vector of
the centred features of all examples with the same given label. Where a share of a class was
poisoned and the network has learned the difference, the class falls into two groups, and v points
from one to the other.

Differs from the source in: there the same number of examples, one and a half times the poisons
expected, is removed from every class, and classes are never compared; here there is one list. The
squares are compared as they are, not standardised per class: that would divide a poisoned class by
the very variance that gives the poison away. The price is that a class which is spread out more
leads the list.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd

from radiotracer.detectors.protocol import Survey
from radiotracer.detectors.registry import DETECTORS
from radiotracer.detectors.surveyed import FEATURES, Surveyed, features


def signatures(points: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Squared projections on the own class's top singular vector, from (n, d) and (n,) to (n,)."""
    scores = np.zeros(len(points))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        centred = points[rows].astype(np.float64)
        centred -= centred.mean(axis=0)
        top = svd(centred, full_matrices=False)[2][0]
        scores[rows] = (centred @ top) ** 2
    return scores


def _suspicion(survey: Survey, seed: int) -> NDArray[np.float64]:
    return signatures(features(survey.train), survey.train.labels.numpy())


DETECTORS.register(
    Surveyed(
        name="spectral-signatures",
        summary="squared projection on the class's top singular vector (spectral signatures)",
        suspicion=_suspicion,
        needs=FEATURES,
    )
)
