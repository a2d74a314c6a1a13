"""Confident learning: a label that a model fitted to the other examples finds improbable.

    score = 1 - label quality     in [0, 1]

where the quality is cleanlab's (Northcutt et al. 2021): the probability of the given label
according to a model that was not fitted to the example. The model is a logistic regression on the
penultimate features of the last checkpoint, in five folds of the training examples.

Differs from the source in: the features come from a network that was trained on all examples,
tampered ones included; only the regression is out of fold. There examples are first filtered by
estimated counts of label errors; here all are ranked. Needs the extra `cleanlab`.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from radiotracer.detectors.linear import fit_head, out_of_fold, standardised
from radiotracer.detectors.protocol import Need, Survey
from radiotracer.detectors.registry import DETECTORS
from radiotracer.detectors.surveyed import FEATURES, Surveyed, features

FOLDS = 5


def probabilities(
    points: NDArray[np.float32], labels: NDArray[np.int64], classes: int, seed: int
) -> NDArray[np.float64]:
    """What heads say of examples that they were not fitted to, shape (n, classes).

    Args:
        points: Shape (n, d).
        labels: Shape (n,), from 0 to classes - 1; one class has two examples or more.
        classes: How many classes.
        seed: Which example is in which fold.
    """
    given = standardised(points)
    found = np.zeros((len(points), classes))
    for fitted, left in out_of_fold(labels, min(FOLDS, int(np.bincount(labels).max())), seed):
        head = fit_head(given[fitted], labels[fitted])
        found[np.ix_(left, head.classes_)] = head.predict_proba(given[left])
    return found


def _suspicion(survey: Survey, seed: int) -> NDArray[np.float64]:
    with warnings.catch_warnings():  # its import sets filters of its own for everybody
        from cleanlab.rank import get_label_quality_scores

    # Numbered without gaps: cleanlab takes no class that has no example.
    present, labels, counts = np.unique(
        survey.train.labels.numpy(), return_inverse=True, return_counts=True
    )
    if len(present) < 2 or counts.max() < 2:
        return np.zeros(len(labels))
    said = probabilities(features(survey.train), labels, len(present), seed)
    quality: NDArray[np.float64] = get_label_quality_scores(labels, said)
    return 1.0 - quality


DETECTORS.register(
    Surveyed(
        name="confident-learning",
        summary="improbability of its label by a model fitted to the others (confident learning)",
        suspicion=_suspicion,
        needs=FEATURES | {Need.CLEANLAB},
    )
)
