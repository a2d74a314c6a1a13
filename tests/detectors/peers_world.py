"""Features made up for the detectors that look at the last checkpoint once."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from radiotracer.detectors import DETECTORS, Seen, Survey, Trace
from radiotracer.gradients import PENULTIMATE


def seen(
    points: NDArray[np.float64],
    labels: NDArray[np.int64],
    outputs: NDArray[np.float64] | None = None,
) -> Seen:
    """Penultimate features, labels, and outputs: zeros if nobody reads them."""
    logits = np.zeros((len(labels), int(labels.max()) + 1)) if outputs is None else outputs
    return Seen(
        torch.from_numpy(labels),
        torch.from_numpy(logits).float(),
        {PENULTIMATE: torch.from_numpy(points).float()},
    )


def scores_of(
    name: str, train: Seen, queries: Seen | None = None, seed: int = 0
) -> NDArray[np.float64]:
    """What a detector of the registry says of a survey."""
    trace = Trace(
        train=np.zeros((len(train.labels), 0)),
        labels=train.labels.numpy(),
        validation=None,
        validation_labels=None,
        classes=train.outputs.shape[1],
        checkpoints=1,
        seed=seed,
        survey=Survey(train, queries),
    )
    scores = DETECTORS[name].rank(trace).scores
    assert scores.shape == (len(train.labels),) and np.isfinite(scores).all()
    return scores


def classes(
    generator: np.random.Generator, *, of: int, width: int, count: int, noise: float = 0.4
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`count` examples of each of `of` classes, around places far from each other."""
    labels = np.repeat(np.arange(of), count)
    points = generator.normal(size=(len(labels), width)) * noise
    points[np.arange(len(labels)), labels] += 3.0
    return points, labels


def without_labels(given: Seen) -> Seen:
    """The same with every label 0."""
    return dataclasses.replace(given, labels=torch.zeros_like(given.labels))
