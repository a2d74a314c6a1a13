"""The contrast detector: what sets a training example apart from validation ones of its label.

Two kinds of evidence, each in nats and each taken at every layer l (`doubt.py`, `crowd.py`):

    doubt_l   validation examples contradict the label: flipped labels, dirty-label backdoors, and
              collisions, whose representations are those of another class
    crowd_l   training examples of the label stand close together where validation ones do not:
              collisions with one target, triggers

Neither is enough alone. A hard clean example is doubted too, but stands alone; a dense spot of
clean ones is a small crowd, but nothing doubts it. So a crowd counts as far as a doubt supports
it, and beyond what chance makes it counts by itself:

    score = (network + mean_l doubt_l) / 2 + mean_l min(crowd_l, 2 doubt_l) / 2
            + max(0, max_l crowd_l - 30) / 4

`network` is the doubt of the network's own predictions, averaged over the checkpoints: it learns
what is common before it memorises what is not. The constants were chosen on development data
(docs/decisions/0007-contrast.md).

A validation example has the same score, from heads that were not fitted to it and without vouching
for itself. So validation examples tell how often clean ones score as high, which gives p-values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.detectors.contrast.crowd import Labelled, crowd
from radiotracer.detectors.contrast.doubt import doubt, opinions
from radiotracer.detectors.contrast.tail import p_values
from radiotracer.detectors.protocol import Need, Observation, Ranking, Trace
from radiotracer.detectors.registry import DETECTORS


@dataclass(frozen=True)
class Contrast:
    """Doubt and crowd against validation examples; see the module's text.

    Args:
        natural_error_rate: epsilon: the rate at which clean labels are wrong anyway.
        chance_crowd: Crowds up to this size, in nats, count only where a doubt supports them.
    """

    name: str = "contrast"
    summary: str = "label doubted by, or crowding where there are no, validation examples (nats)"
    needs: frozenset[Need] = frozenset({Need.COMPARISON, Need.LAYERS, Need.EVERY_CLASS})
    baseline: bool = False
    natural_error_rate: float = 0.003
    chance_crowd: float = 30.0

    def observe(self, seen: Observation) -> Tensor:
        """The network's own doubt, shape (n, 1)."""
        own = seen.outputs.double().softmax(dim=1).gather(1, seen.labels.unsqueeze(1))
        return -(own + self.natural_error_rate).log()

    def rank(self, trace: Trace) -> Ranking:
        """Scores in nats; suggested classes; p-values against the validation examples."""
        assert trace.survey is not None and trace.survey.validation is not None  # noqa: S101
        assert trace.validation is not None and trace.validation_labels is not None  # noqa: S101
        sides = (
            (trace.survey.train.layers, trace.labels),
            (trace.survey.validation.layers, trace.validation_labels),
        )
        (train, labels), (validation, validation_labels) = sides
        said = opinions(
            train, validation, validation_labels, classes=trace.classes, seed=trace.seed
        )
        crowds: tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]] = ([], [])
        for layer in train:
            both = tuple(Labelled(layers[layer], own) for layers, own in sides)
            for each, found in zip(both, crowds, strict=True):
                found.append(crowd(each, *both))
        scores = self.combine(
            trace.train[:, 0] / trace.checkpoints,
            doubt(said.train, labels, self.natural_error_rate),
            np.stack(crowds[0]),
        )
        clean = self.combine(
            trace.validation[:, 0] / trace.checkpoints,
            doubt(said.validation, validation_labels, self.natural_error_rate),
            np.stack(crowds[1]),
        )
        return Ranking(
            scores,
            suggested=said.train.mean(axis=0).argmax(axis=1),
            p_values=p_values(scores, clean),
        )

    def combine(
        self,
        network: NDArray[np.float64],
        doubts: NDArray[np.float64],
        crowds: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """One score, shape (n,), from shapes (n,), (layers, n) and (layers, n)."""
        supported = np.minimum(crowds, 2 * doubts).mean(axis=0)
        alone = np.maximum(crowds.max(axis=0) - self.chance_crowd, 0.0)
        score: NDArray[np.float64] = (
            0.5 * (network + doubts.mean(axis=0)) + 0.5 * supported + 0.25 * alone
        )
        return score


DETECTORS.register(Contrast())
