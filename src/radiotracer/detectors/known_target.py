"""Who taught a known wrong prediction: examples that are to the network what it was shown then.

Given are examples j that the network takes for a class c that they do not show (an *incident*).
By gradient directions alone, the influence of a training example i on that prediction is, per
linear layer, the product of two cosines: of what the layer reads for i and for j, and of the errors
that it is told of (GAS, Hammoudeh and Lowd 2022). At the end of a training the errors tell little:
what has been learned by heart makes none. So this detector compares what layers read, and measures
likeness by what sets the incident apart from clean examples: with m_c the mean of the validation
examples of class c at a layer, S the covariance of validation examples around the means of their
classes, and h_J the mean of the incident,

    w    = S^-1 (h_J - m_c)                          Fisher's linear discriminant
    s_il = w (h_il - m_c) / sqrt(w (h_J - m_c))      deviations of an clean example

    score_i = max_l s_il                             for examples i labelled c

because one layer is enough: a trigger shows in the early ones, while the late ones see the class
that it leads to. Examples of other labels did not teach class c: they score lowest of all, and have
no p-value. Validation examples score likewise, each against its own class and by means and
covariances of the other half, which gives the p-values of the others (`contrast/tail.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.detectors.contrast.tail import p_values
from radiotracer.detectors.linear import out_of_fold
from radiotracer.detectors.protocol import Need, Observation, Ranking, Trace
from radiotracer.detectors.registry import DETECTORS

FOLDS = 2


@dataclass(frozen=True)
class KnownTarget:
    """Likeness to examples that are predicted wrongly; see the module's text."""

    name: str = "known-target"
    summary: str = "likeness to a known wrong prediction (deviations of validation examples)"
    needs: frozenset[Need] = frozenset({Need.LAYERS, Need.EVERY_CLASS, Need.INCIDENT})
    baseline: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """Nothing is summed: shape (n, 0)."""
        return torch.zeros(len(seen.labels), 0)

    def rank(self, trace: Trace) -> Ranking:
        """Scores in standard deviations, and p-values where there is something to ask.

        Where incidents were taken for several classes, each class is asked about its own.
        """
        survey = trace.survey
        assert survey is not None  # noqa: S101
        assert survey.validation is not None and survey.incident is not None  # noqa: S101
        train, validation, incident = (
            {name: each.double().numpy() for name, each in side.layers.items()}
            for side in (survey.train, survey.validation, survey.incident)
        )
        labels, validation_labels = trace.labels, survey.validation.labels.numpy()
        taken_for = survey.incident.outputs.argmax(dim=1).numpy()
        folds = out_of_fold(validation_labels, FOLDS, trace.seed)
        scores = np.full(len(labels), -np.inf)
        clean: list[NDArray[np.float64]] = []
        for wrong in np.unique(taken_for):
            rows = labels == wrong
            if not rows.any():
                continue
            best = np.full(int(rows.sum()), -np.inf)
            best_clean = np.full(len(validation_labels), -np.inf)
            for name, points in validation.items():
                shown = incident[name][taken_for == wrong].mean(axis=0)
                whole = Clean.of(points, validation_labels)
                best = np.maximum(best, whole.likeness(train[name][rows], labels[rows], shown))
                for fitted, left in folds:
                    half = Clean.of(points[fitted], validation_labels[fitted])
                    own = half.likeness(points[left], validation_labels[left], shown)
                    best_clean[left] = np.maximum(best_clean[left], own)
            scores[rows] = best
            clean.append(best_clean)
        asked = np.isfinite(scores)
        p = np.full(len(scores), np.nan)
        if clean:
            p[asked] = p_values(scores[asked], np.concatenate(clean))
        scores[~asked] = scores[asked].min(initial=0.0) - 1.0
        # Asked about one class only, it needs a lower rate to find as much.
        return Ranking(scores, p_values=p, fdr=0.02)


@dataclass(frozen=True, eq=False)
class Clean:
    """How validation examples of every class are spread at a layer.

    Args:
        means: By class.
        precision: Inverse of the covariance around them, shrunk (Ledoit and Wolf 2004), (d, d).
    """

    means: Mapping[int, NDArray[np.float64]]
    precision: NDArray[np.float64]

    @staticmethod
    def of(points: NDArray[np.float64], labels: NDArray[np.int64]) -> Clean:
        """Of points, shape (m, d), and their labels, shape (m,)."""
        from sklearn.covariance import ledoit_wolf

        means = {int(each): points[labels == each].mean(axis=0) for each in np.unique(labels)}
        around = points - np.stack([means[int(each)] for each in labels])
        covariance, _ = ledoit_wolf(around, assume_centered=True)
        # A layer that says the same of everybody has no inverse, and shows nothing: all zeros.
        return Clean(means, np.linalg.pinv(covariance, hermitian=True))

    def likeness(
        self, points: NDArray[np.float64], labels: NDArray[np.int64], shown: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """How far each point is from its class's mean towards `shown`, in standard deviations.

        Args:
            points: Shape (n, d).
            labels: Classes that there are means of, shape (n,).
            shown: Shape (d,).
        """
        result = np.zeros(len(points))
        for label in np.unique(labels):
            rows, mean = labels == label, self.means[int(label)]
            direction = self.precision @ (shown - mean)
            length = np.sqrt(max(0.0, float(direction @ (shown - mean))))
            if length > 0:
                result[rows] = (points[rows] - mean) @ direction / length
        return result


DETECTORS.register(KnownTarget())
