"""What every detector is shown in the tests of its promises: flipped labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from radiotracer.detectors import (
    DETECTORS,
    Detector,
    Need,
    Observation,
    Seen,
    Survey,
    Trace,
)
from radiotracer.gradients import PENULTIMATE, LastLayerGradients
from radiotracer.opinions import Opinions
from radiotracer.opinions.noise import fit_noise

CLASSES, FEATURES, N, M, CHECKPOINTS = 4, 5, 240, 120, 2
FLIPPED = np.arange(N) < 16

# An order of nothing, two that look for who attacked a single query, which nobody did, and one that
# looks at what changes between two checkpoints, which are drawn apart.
NOT_FOR_FLIPS = ("random", "gas-unknown-target", "known-target", "loss-drop")

COMPARED = {Need.COMPARISON, Need.SAME_LOOK}

# Distances in float32 round differently in another order, and folds are drawn by row.
REORDERED = {"contrast": 1e-4, "known-target": 1e-5, "confident-learning": 0.3}

everyone = pytest.mark.parametrize("name", list(DETECTORS))


def world(checkpoint: int) -> tuple[Observation, Observation]:
    """Examples and queries at one checkpoint: confident predictions, the first labels wrong.

    A wrong label costs loss and gradient; its influence on honest queries is negative.
    """
    generator = torch.Generator().manual_seed(checkpoint)

    def draw(n: int, flipped: np.ndarray) -> Observation:
        truth = torch.arange(n) % CLASSES
        labels = torch.where(torch.from_numpy(flipped), (truth + 1) % CLASSES, truth)
        outputs = torch.randn(n, CLASSES, generator=generator)
        outputs[torch.arange(n), truth] += 4.0
        errors = outputs.softmax(dim=1) - torch.nn.functional.one_hot(labels, CLASSES)
        # Features that tell the classes apart, as those of a trained network do.
        features = torch.randn(n, FEATURES, generator=generator) * 0.3
        features[torch.arange(n), truth] += 2.0
        return Observation(
            labels=labels,
            losses=torch.nn.functional.cross_entropy(outputs, labels, reduction="none"),
            outputs=outputs,
            last_layer=LastLayerGradients(errors, features, weight_rate=0.1, bias_rate=0.1),
            checkpoint=checkpoint,
            checkpoints=CHECKPOINTS,
        )

    train, queries = draw(N, FLIPPED), draw(M, np.zeros(M, dtype=bool))
    assert queries.last_layer is not None and train.last_layer is not None
    total = queries.last_layer.sum()
    influence = train.last_layer.inner_with_sum(total)
    norms = train.last_layer.square_norm()
    return (
        dataclasses.replace(
            train,
            query_sum=total,
            influence=influence,
            renormalised=influence / norms.sqrt(),
            square_norm=norms,
            norm=norms.sqrt(),
            taught=-influence / norms.sqrt(),
        ),
        dataclasses.replace(
            queries,
            taught=-queries.last_layer.inner_with_sum(total)
            / queries.last_layer.square_norm().sqrt(),
        ),
    )


def rows_of(seen: Observation, rows: np.ndarray) -> Observation:
    index = torch.from_numpy(rows)
    last = seen.last_layer
    assert last is not None

    def take(values: torch.Tensor | None) -> torch.Tensor | None:
        return None if values is None else values[index]

    return Observation(
        labels=seen.labels[index],
        losses=seen.losses[index],
        outputs=seen.outputs[index],
        last_layer=dataclasses.replace(
            last, errors=last.errors[index], features=last.features[index]
        ),
        query_sum=seen.query_sum,
        influence=take(seen.influence),
        renormalised=take(seen.renormalised),
        square_norm=take(seen.square_norm),
        norm=take(seen.norm),
        taught=take(seen.taught),
        checkpoint=seen.checkpoint,
        checkpoints=seen.checkpoints,
    )


def trace(detector: Detector, order: np.ndarray, batches: int = 1) -> Trace:
    """What a scan would hand over, had it seen the examples in this order and these batches."""
    train = np.zeros(0)
    compared = np.zeros(0)
    for checkpoint in range(CHECKPOINTS):
        seen, asked = world(checkpoint)
        parts = [
            detector.observe(rows_of(seen, part)).double().numpy()
            for part in np.array_split(order, batches)
        ]
        train = train + np.concatenate(parts) if checkpoint else np.concatenate(parts)
        if detector.needs & COMPARED:
            found = detector.observe(asked).double().numpy()
            compared = compared + found if checkpoint else found
    told = bool(detector.needs & COMPARED)
    return Trace(
        train=train,
        labels=seen.labels.numpy()[order],
        validation=compared if told else None,
        validation_labels=asked.labels.numpy() if told else None,
        classes=CLASSES,
        checkpoints=CHECKPOINTS,
        seed=5,
        survey=Survey(
            shown(rows_of(seen, order)),
            shown(asked),
            taken_for_another(shown(asked)),
            opinions(rows_of(seen, order), asked),
        )
        if detector.needs & {Need.LAYERS, Need.OPINIONS}
        else None,
    )


def opinions(seen: Observation, asked: Observation) -> Opinions:
    """The outputs, as if one model had been fitted to other examples."""
    said, shown_to = (each.outputs.double().log_softmax(dim=1).numpy() for each in (seen, asked))
    labels = seen.labels.numpy()
    return Opinions(
        labels=labels,
        outputs=said,
        folds=np.zeros(len(labels), dtype=np.int64),
        words="a test",
        noise=fit_noise(said, labels),
        validation_labels=asked.labels.numpy(),
        validation=shown_to[np.newaxis].astype(np.float32),
    )


def shown(seen: Observation) -> Seen:
    """Two layers: the early one sees the same through a fixed rotation."""
    assert seen.last_layer is not None
    rotation = torch.linalg.qr(
        torch.randn(FEATURES, FEATURES, generator=torch.Generator().manual_seed(9))
    )[0]
    features = seen.last_layer.features
    return Seen(seen.labels, seen.outputs, {"early": features @ rotation, PENULTIMATE: features})


def taken_for_another(seen: Seen) -> Seen:
    """The first three, which are of three classes, with outputs for the next class."""
    layers = {name: values[:3] for name, values in seen.layers.items()}
    return Seen(seen.labels[:3], seen.outputs[:3].roll(1, dims=1), layers)
