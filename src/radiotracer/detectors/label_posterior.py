"""The default detector: how probable it is that somebody changed the label.

A large loss alone does not tell a changed label from a hard example: "a 9 that looks like a 4"
has one too. But changed labels leave a second trace, in the population: more examples that look
like class t carry the label y than natural confusion explains. This detector puts both together by
Bayes' rule. With q_c(k | x) the prediction at checkpoint c and q(k | x) the mean of these,

    counts     N[t, y]  training examples predicted t and labelled y
               M[t, y]  the same among validation examples, scaled up to the training set's size
    flip rate  R[t, y] = (max(N - M, 0) + smoothing) / N[t, .]    for t != y, else 0
    score      log sum_t q(t | x) R[t, y]  -  mean_c log(q_c(y | x) + epsilon)

The first term is how probable the label is if somebody changed it, the second how probable it is
under what the network learned *on the tampered labels*, changed ones included: the loss averaged
over the checkpoints, with a floor. Their difference is the logarithm of the posterior probability
P(changed | x, y), and posterior >= 1/2 is the calibrated decision. (It is a ratio of two estimates,
so it can exceed one.) epsilon is the rate at which clean labels are wrong anyway, and keeps a
single impossible label from outranking a pattern.

Related: class-conditional label noise and its transition matrix (Patrini et al. 2017; Northcutt et
al. 2021, confident learning). Differs from these in: the excess over validation examples'
confusion, so that natural confusion is not taken for tampering; predictions averaged along the
training, when the network has not yet memorised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.data.blocks import stretches
from radiotracer.detectors.protocol import Need, Observation, Ranking, Trace
from radiotracer.detectors.registry import DETECTORS

CALIBRATED_THRESHOLD = float(np.log(0.5))
"""Score at and above which an example is flagged: the posterior is at least one half."""

UNGROUNDED = (
    "Without validation examples, changed labels cannot be told from classes that the network "
    "confuses anyway: pass clean examples that it was not trained on."
)
"""Why nothing is flagged where natural confusion is not known."""


@dataclass(frozen=True)
class LabelPosterior:
    """Log posterior probability that the label was changed; see the module's text.

    The two constants were chosen on development seeds (docs/decisions/0003-default-detector.md).

    Args:
        natural_error_rate: epsilon: the rate at which clean labels are wrong anyway, of the order
            of MNIST's known label errors.
        smoothing: Pseudo-count per class pair, in units of the average pair's excess (plus half an
            example): keeps a pair that is unlucky in the validation examples from being ruled out.
    """

    name: str = "label-posterior"
    summary: str = "log of the estimated posterior probability that the label was changed"
    needs: frozenset[Need] = frozenset({Need.CLASSES, Need.COMPARISON})
    baseline: bool = False
    natural_error_rate: float = 0.003
    smoothing: float = 0.5

    def observe(self, seen: Observation) -> Tensor:
        """Class probabilities and the log of the given label's, shape (n, classes + 1)."""
        prediction = seen.outputs.double().softmax(dim=1)
        own = prediction.gather(1, seen.labels.unsqueeze(1))
        return torch.cat([prediction, (own + self.natural_error_rate).log()], dim=1)

    def rank(self, trace: Trace) -> Ranking:
        """Log posteriors (log(1/2) is the calibrated threshold), posteriors, the likely classes."""
        counts = _counts(trace.train[:, :-1], trace.labels, trace.classes)
        rates = flip_rates(counts, _clean_counts(trace), self.smoothing)
        scores = np.empty(len(trace.train))
        suggested = np.empty(len(trace.train), dtype=np.int64)
        # As many numbers as examples times classes are there once; not again for each step.
        for rows in stretches(trace.train):
            prediction = trace.train[rows, :-1] / trace.checkpoints
            log_own = trace.train[rows, -1] / trace.checkpoints
            # [i, t]: example i is really of class t and its label was changed to the one given.
            changed = prediction * rates[:, trace.labels[rows]].T
            log_changed = np.log(np.maximum(changed.sum(axis=1), np.finfo(np.float64).tiny))
            scores[rows], suggested[rows] = log_changed - log_own, changed.argmax(axis=1)
        return Ranking(
            scores,
            suggested=suggested,
            posteriors=np.exp(np.minimum(scores, 0.0)),
            threshold=CALIBRATED_THRESHOLD,
            because="the label is more likely changed than not",
            inconclusive=UNGROUNDED if trace.validation is None else None,
        )


def flip_rates(
    counts: NDArray[np.float64], clean: NDArray[np.float64] | None, smoothing: float = 0.5
) -> NDArray[np.float64]:
    """How often class t was relabelled y, beyond natural confusion: R[t, y], zero on the diagonal.

    Args:
        counts: N[t, y] of the training examples, shape (classes, classes).
        clean: M[t, y], expected from validation examples; None takes no confusion for natural.
        smoothing: See `LabelPosterior`.
    """
    excess = np.maximum(counts - (0.0 if clean is None else clean), 0.0)
    off_diagonal = ~np.eye(len(counts), dtype=bool)
    pseudo_count = smoothing * excess[off_diagonal].mean() + 0.5
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    rates: NDArray[np.float64] = np.where(off_diagonal, (excess + pseudo_count) / totals, 0.0)
    return rates


def _clean_counts(trace: Trace) -> NDArray[np.float64] | None:
    if trace.validation is None or trace.validation_labels is None:
        return None
    counts = _counts(trace.validation[:, :-1], trace.validation_labels, trace.classes)
    return counts * (len(trace.train) / len(trace.validation))


def _counts(
    prediction: NDArray[np.float64], labels: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    counts = np.zeros((classes, classes))
    np.add.at(counts, (prediction.argmax(axis=1), labels), 1.0)
    return counts


DETECTORS.register(LabelPosterior())
