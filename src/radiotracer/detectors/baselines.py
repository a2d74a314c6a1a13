"""Yardsticks that run with every scan: a method that does not beat them is not worth its cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.detectors.protocol import Need, Observation, Ranking, Trace
from radiotracer.detectors.registry import DETECTORS
from radiotracer.detectors.summed import Summed


def _loss(seen: Observation) -> Tensor:
    return seen.losses


def _margin(seen: Observation) -> Tensor:
    labels = seen.labels.unsqueeze(1)
    others = seen.outputs.scatter(1, labels, -torch.inf)
    return others.amax(dim=1) - seen.outputs.gather(1, labels)[:, 0]


def _gradient_norm(seen: Observation) -> Tensor:
    assert seen.norm is not None  # noqa: S101
    return seen.norm


def _norm(seen: Observation) -> Tensor:
    assert seen.last_layer is not None  # noqa: S101
    errors = seen.last_layer.errors.double().square().sum(dim=1)
    features = seen.last_layer.features.double().square().sum(dim=1)
    bias = 1.0 if seen.last_layer.bias_rate else 0.0
    return (errors * (features + bias)).sqrt()


DETECTORS.register(
    Summed(
        name="loss",
        summary="loss of the example, as it was trained on",
        suspicion=_loss,
        baseline=True,
        average=True,
    )
)

DETECTORS.register(
    Summed(
        # Minus the area under the margin (Pleiss et al. 2020): there the mean over every epoch,
        # and judged by the margins of examples mislabelled on purpose; here the mean over the
        # checkpoints.
        name="margin",
        summary="largest other logit minus the given label's, over the checkpoints (AUM negated)",
        suspicion=_margin,
        needs=frozenset({Need.CLASSES}),
        baseline=True,
        average=True,
    )
)

DETECTORS.register(
    Summed(
        name="norm",  # what self-influence is without learning rates
        summary="norm of the last layer's gradient",
        suspicion=_norm,
        needs=frozenset({Need.HEAD}),
        baseline=True,
        average=True,
    )
)


DETECTORS.register(
    Summed(
        name="gradient-norm",
        summary="norm of the gradient, all layers",
        suspicion=_gradient_norm,
        needs=frozenset({Need.NORM}),
        baseline=True,
        average=True,
    )
)


@dataclass(frozen=True)
class LossDrop:
    """What was learned at once: the largest fall of the loss from a checkpoint to the next."""

    name: str = "loss-drop"
    summary: str = "largest fall of the loss between two checkpoints"
    needs: frozenset[Need] = frozenset({Need.CHECKPOINTS})
    baseline: bool = True

    def observe(self, seen: Observation) -> Tensor:
        """The loss in the checkpoint's own column, shape (n, checkpoints)."""
        found = torch.zeros(len(seen.losses), seen.checkpoints, dtype=torch.float64)
        found[:, seen.checkpoint] = seen.losses.double()
        return found

    def rank(self, trace: Trace) -> Ranking:
        """The largest fall; negative where the loss only rose."""
        scores: NDArray[np.float64] = -np.diff(trace.train, axis=1).min(axis=1)
        return Ranking(scores)


DETECTORS.register(LossDrop())


@dataclass(frozen=True)
class Random:
    """A random order: what no information looks like."""

    name: str = "random"
    summary: str = "a random order"
    needs: frozenset[Need] = frozenset()
    baseline: bool = True

    def observe(self, seen: Observation) -> Tensor:
        """Nothing is observed: zeros, shape (n, 1)."""
        return torch.zeros(len(seen.labels), 1)

    def rank(self, trace: Trace) -> Ranking:
        """Uniform numbers from the scan's seed."""
        return Ranking(np.random.default_rng(trace.seed).random(len(trace.labels)))


DETECTORS.register(Random())
