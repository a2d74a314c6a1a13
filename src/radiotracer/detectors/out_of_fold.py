"""The detector of `check`: how unlikely a label is to models that were not fitted to it.

    score = -log q(y | x)

with q by a model of the other folds (`radiotracer.opinions`). The probability that the label is
wrong follows by Bayes' rule from the share of wrong labels that was estimated with q
(`radiotracer.opinions.noise`). With validation examples there are p-values, too: each example is
ranked among the validation examples *under the same model*, which saw none of them, so that an
example with a right label is one of them (Vovk 2015; `radiotracer.stats.cross_conformal`), and the
share of right labels is estimated from the p-values (Storey, Taylor and Siegmund 2004).

Without validation examples the list is the longest one whose mean probability of being right is at
most the rate: an estimate, as good as the model of the noise. It was measured for labels that are
wrong at random (docs/results.md); mistakes that follow a pattern are learned by the models.

Score: the self-confidence of Northcutt et al. 2021 (arXiv:1911.00068), of calibrated models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from radiotracer.detectors.protocol import FALSE_DISCOVERY_RATE, Need, Observation, Ranking, Trace
from radiotracer.detectors.registry import DETECTORS, OPINION_DETECTOR
from radiotracer.opinions.grounds import grounds_of, probabilities
from radiotracer.stats.conformal import clean_share
from radiotracer.stats.cross_conformal import cross_conformal_p_values


@dataclass(frozen=True)
class OutOfFold:
    """How unlikely each label is out of fold; see the module's text."""

    name: str = OPINION_DETECTOR
    summary: str = "how unlikely the label is to models that were fitted to the other examples"
    needs: frozenset[Need] = frozenset({Need.OPINIONS})
    baseline: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """Nothing is summed: shape (n, 0)."""
        return torch.zeros(len(seen.labels), 0)

    def rank(self, trace: Trace) -> Ranking:
        """Surprisals, probabilities, p-values where they can be had, and whether that is enough."""
        assert trace.survey is not None and trace.survey.opinions is not None  # noqa: S101
        found = trace.survey.opinions
        rows = np.arange(len(found.labels))
        scores = 0.0 - found.outputs[rows, found.labels]  # a label that is certain: 0, not -0
        others = found.outputs.copy()
        others[rows, found.labels] = -np.inf
        p_values, share = None, 1.0
        if found.validation is not None and found.validation_labels is not None:
            shown = np.arange(len(found.validation_labels))
            reference = -found.validation[:, shown, found.validation_labels].astype(np.float64)
            # The same precision on both sides, or ties would be broken one way.
            scored = scores.astype(np.float32).astype(np.float64)
            p_values = cross_conformal_p_values(scored, found.folds, reference)
            share = min(1.0, clean_share(p_values, 1.0 / (len(shown) + 1.0)))
        grounds = grounds_of(found, FALSE_DISCOVERY_RATE, p_values)
        return Ranking(
            scores,
            suggested=others.argmax(axis=1),
            p_values=p_values,
            posteriors=probabilities(found),
            clean_share=share,
            because="each example ranked among validation examples under the same held-out model"
            if p_values is not None
            else "an estimate from out-of-fold probabilities, without validation data",
            inconclusive=grounds.why_not,
        )


DETECTORS.register(OutOfFold())
