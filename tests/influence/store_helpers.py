"""What the tests of stores share."""

from __future__ import annotations

from typing import Any

import torch
from influence_helpers import Training
from torch import Tensor

from radiotracer.gradients import ProjectionConfig, in_batches, project
from radiotracer.influence import Tracing

SMALL = ProjectionConfig(dimension=8, seed=4)
LARGE = ProjectionConfig(dimension=10**4)


def tracing_of(training: Training, **options: Any) -> Tracing:
    return Tracing.of(training.model, training.run, training.train, batch_size=4, **options)


def by_hand(training: Training, projection: ProjectionConfig) -> Tensor:
    """Projected scores from `project` alone, everything in memory."""
    tracing = tracing_of(training)
    scores = torch.zeros(len(training.train[0]), len(training.queries[0]), dtype=torch.float64)
    for _, rates in tracing.checkpoints():
        left, right = (
            torch.cat(
                [
                    project(tracing.objective, batch, projection, rates)
                    for batch in in_batches(data, 3)
                ]
            )
            for data in (training.train, training.queries)
        )
        scores += left @ right.T
    return scores
