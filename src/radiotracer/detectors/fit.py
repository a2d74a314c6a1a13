"""GAS without a known target: first find the query that was attacked, then who attacked it.

FIT (Hammoudeh and Lowd 2022, target identification): if a query was the target of an attack, a few
training examples have an influence on its prediction that others do not have. So per query j, with
the class c that it is *predicted* as in place of its label, over the examples i labelled c,

    GAS_ij    = cos(e_i, e_j) cos(h_i, h_j)                                          in [-1, 1]
    heaviness = (mean of the TAIL largest GAS_ij - median_i GAS_ij) / MAD_i GAS_ij

the cosine of last-layer gradients at the last checkpoint: outer products of the errors e (softmax
minus the class) and the penultimate features h. The query with the heaviest upper tail is taken for
the target, and the score of an example is its GAS on it; an example of another label scores -1, as
it did not teach this prediction. Positive, high: a proponent of the suspected prediction.

The idea is the source's. The authors' published code has the influence and no search for the
target, so the measure of heaviness is ours. The influence differs from that code in:

- one checkpoint, the last, where theirs adds up cosines over the whole training, weighted by the
  learning rate: here every example is paired with every query, and what a scan sums over the
  training it keeps per example, not per pair;
- the last layer's weight alone, where theirs takes all parameters together: cosines of outer
  products need no gradients in memory;
- examples of the predicted class only, where theirs ranks all: to belong to the class is influence
  already, and among all examples it would be every query's heavy tail.

Like theirs it renormalises both sides, and asks about the label that the attacker wants: of a
target that was hit, the predicted one. One query is taken for the target; where nobody was one,
some query is still the heaviest.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.detectors.protocol import Need, Seen, Survey
from radiotracer.detectors.registry import DETECTORS
from radiotracer.detectors.surveyed import FEATURES, Surveyed, features
from radiotracer.influence import unless_zero

TAIL = 10
"""Largest influences that make the upper tail, or as many as the class has."""

BLOCK = 2**24
"""Influences in memory at once: 128 MiB."""


class Directions:
    """Last-layer gradients without their length, of `seen` for the labels `targets`, (n,)."""

    def __init__(self, seen: Seen, targets: Tensor) -> None:
        own = targets.unsqueeze(1)
        # Minus the sum of the others is exact where one minus a probability is not.
        errors = seen.outputs.double().softmax(dim=1).scatter(1, own, 0.0)
        errors = errors.scatter(1, own, -errors.sum(dim=1, keepdim=True))
        self.errors = _unit(errors)
        self.features = _unit(torch.from_numpy(features(seen)).double())

    def cosines(self, rows: Tensor, other: Directions, columns: Tensor) -> Tensor:
        """With some of another's, shape (rows, columns), in [-1, 1]."""
        errors = self.errors[rows] @ other.errors[columns].T
        return errors * (self.features[rows] @ other.features[columns].T)


def heaviness(influence: Tensor) -> Tensor:
    """How anomalous the upper tail of each column is, from shape (n, m) to (m,)."""
    largest = influence.topk(min(TAIL, len(influence)), dim=0).values.mean(dim=0)
    median = influence.median(dim=0).values
    deviation = (influence - median).abs().median(dim=0).values
    return (largest - median) / (deviation + torch.finfo(deviation.dtype).eps)


def _suspicion(survey: Survey, seed: int) -> NDArray[np.float64]:
    assert survey.validation is not None  # noqa: S101
    labels, predicted = survey.train.labels, survey.validation.outputs.argmax(dim=1)
    train = Directions(survey.train, labels)
    validation = Directions(survey.validation, predicted)
    scores = torch.full((len(labels),), -1.0, dtype=torch.float64)
    heaviest = -torch.inf
    for label in predicted.unique():
        rows = (labels == label).nonzero()[:, 0]
        if not len(rows):
            continue
        asked = (predicted == label).nonzero()[:, 0]
        for columns in asked.split(max(1, BLOCK // len(rows))):
            influence = train.cosines(rows, validation, columns)
            weight, column = heaviness(influence).max(dim=0)
            if float(weight) > heaviest:
                heaviest = float(weight)
                scores.fill_(-1.0)
                scores[rows] = influence[:, column]
    return scores.numpy()


def _unit(vectors: Tensor) -> Tensor:
    return unless_zero(vectors, vectors.norm(dim=1, keepdim=True))


DETECTORS.register(
    Surveyed(
        name="gas-unknown-target",
        summary="influence by direction on the query whose influences are most anomalous (FIT)",
        suspicion=_suspicion,
        needs=FEATURES | {Need.VALIDATION},
    )
)
