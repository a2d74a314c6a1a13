"""Detectors that look once, at the last checkpoint, at all examples together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.detectors.protocol import Need, Observation, Ranking, Seen, Survey, Trace
from radiotracer.gradients import PENULTIMATE

FEATURES = frozenset({Need.CLASSES, Need.LAYERS, Need.HEAD})
"""What detectors need that compare penultimate features of classes; features exist where there is a
head."""


def features(seen: Seen) -> NDArray[np.float32]:
    """What the last linear layer reads, shape (n, d)."""
    return seen.layers[PENULTIMATE].float().numpy()


@dataclass(frozen=True)
class Surveyed:
    """A detector made of one function.

    Args:
        name: On the command line.
        summary: One line for tables and reports.
        suspicion: From the survey and the scan's seed to scores, shape (n,); higher = more
            suspicious.
        needs: What the function reads.
    """

    name: str
    summary: str
    suspicion: Callable[[Survey, int], NDArray[np.float64]]
    needs: frozenset[Need] = frozenset({Need.LAYERS})
    baseline: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """Nothing is summed: shape (n, 0)."""
        return torch.zeros(len(seen.labels), 0)

    def rank(self, trace: Trace) -> Ranking:
        """What the function says."""
        assert trace.survey is not None  # noqa: S101
        return Ranking(self.suspicion(trace.survey, trace.seed))
