"""Yardsticks that run with every scan: a method that does not beat them is not worth its cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from radiotracer.detectors.protocol import Need, Observation, Ranking, Trace


@dataclass(frozen=True)
class Loss:
    """The loss, averaged over the checkpoints."""

    name: str = "loss"
    summary: str = "loss on the given label"
    needs: frozenset[Need] = frozenset()
    baseline: bool = True

    def observe(self, seen: Observation) -> Tensor:
        """The losses, shape (n, 1)."""
        return seen.losses.unsqueeze(1)

    def rank(self, trace: Trace) -> Ranking:
        """The mean over the checkpoints."""
        return Ranking(trace.train[:, 0] / trace.checkpoints)


@dataclass(frozen=True)
class Margin:
    """Largest other logit minus the given label's, averaged (Pleiss et al. 2020, negated)."""

    name: str = "margin"
    summary: str = "largest other logit minus the given label's"
    needs: frozenset[Need] = frozenset()
    baseline: bool = True

    def observe(self, seen: Observation) -> Tensor:
        """The margins, shape (n, 1)."""
        labels = seen.labels.unsqueeze(1)
        own = seen.outputs.gather(1, labels)
        others = seen.outputs.scatter(1, labels, -torch.inf)
        return others.amax(dim=1, keepdim=True) - own

    def rank(self, trace: Trace) -> Ranking:
        """The mean over the checkpoints."""
        return Ranking(trace.train[:, 0] / trace.checkpoints)


@dataclass(frozen=True)
class GradientNorm:
    """Norm of the last layer's gradient, averaged: self-influence without learning rates."""

    name: str = "norm"
    summary: str = "norm of the last layer's gradient"
    needs: frozenset[Need] = frozenset({Need.HEAD})
    baseline: bool = True

    def observe(self, seen: Observation) -> Tensor:
        """The norms, shape (n, 1)."""
        assert seen.last_layer is not None  # noqa: S101
        squares = seen.last_layer.errors.double().square().sum(dim=1)
        features = seen.last_layer.features.double().square().sum(dim=1)
        bias = 1.0 if seen.last_layer.bias_rate else 0.0
        return (squares * (features + bias)).sqrt().unsqueeze(1)

    def rank(self, trace: Trace) -> Ranking:
        """The mean over the checkpoints."""
        return Ranking(trace.train[:, 0] / trace.checkpoints)


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
