"""GAS without a known target: the formula, and a target that was planted."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from peers_world import classes, scores_of, seen, without_labels

from radiotracer.detectors import Seen
from radiotracer.detectors.fit import TAIL, Directions, heaviness
from radiotracer.gradients import PENULTIMATE

NAME = "gas-unknown-target"
TARGET = 37
"""A query of class 0 that is predicted as 1."""


def attacked(seed: int = 0) -> tuple[Seen, Seen]:
    """Ten training examples labelled 1 look like a query of class 0, and have won it over."""
    generator = np.random.default_rng(seed)
    points, labels = classes(generator, of=3, width=12, count=80, noise=0.6)
    asked, truth = classes(generator, of=3, width=12, count=40, noise=0.6)
    points[80:90] = asked[TARGET] + generator.normal(size=(10, 12)) * 0.1
    outputs, answers = generator.normal(size=(240, 3)), generator.normal(size=(120, 3))
    outputs[np.arange(240), labels] += 6.0
    answers[np.arange(120), truth] += 6.0
    answers[TARGET] = [1.0, 6.0, -1.0]
    outputs[80:90] = answers[TARGET] + generator.normal(size=(10, 3)) * 0.3
    return seen(points, labels, outputs), seen(asked, truth, answers)


def test_those_who_attacked_come_first() -> None:
    for seed in range(3):
        scores = scores_of(NAME, *attacked(seed))
        assert set(np.argsort(-scores)[:10]) == set(range(80, 90))
        assert (scores[:80] == -1).all() and (scores[160:] == -1).all()  # of other labels
        assert (abs(scores) <= 1 + 1e-12).all()


def test_the_labels_of_the_queries_play_no_part() -> None:
    train, queries = attacked()
    one, other = (scores_of(NAME, train, each) for each in (queries, without_labels(queries)))
    np.testing.assert_array_equal(one, other)


def test_blocks_of_queries_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scores_of(NAME, *attacked())
    monkeypatch.setattr(importlib.import_module("radiotracer.detectors.fit"), "BLOCK", 200)
    np.testing.assert_allclose(scores_of(NAME, *attacked()), whole, rtol=1e-9)


def test_cosines_are_those_of_whole_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(6, 4, generator=generator)
    labels = torch.arange(6) % 3
    head = torch.nn.Linear(4, 3, bias=False)
    gradients = []
    for row, label in zip(features, labels, strict=True):
        (gradient,) = torch.autograd.grad(
            torch.nn.functional.cross_entropy(head(row), label), head.weight
        )
        gradients.append(gradient.flatten().double())
    units = torch.nn.functional.normalize(torch.stack(gradients), dim=1)
    outputs = head(features).detach()
    every = torch.arange(6)
    own = Directions(Seen(labels, outputs, {PENULTIMATE: features}), labels)
    torch.testing.assert_close(
        own.cosines(every, own, every), units @ units.T, rtol=1e-4, atol=1e-5
    )


def test_certain_predictions_keep_a_direction_and_zeros_have_none() -> None:
    # Both split what they leave to the others alike; the first leaves e**-90.
    outputs = torch.tensor([[90.0, 0.0, -3.0], [2.0, 0.0, -3.0], [2.0, 0.0, -3.0]])
    features = torch.tensor([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]])
    own = Directions(
        Seen(torch.zeros(3).long(), outputs, {PENULTIMATE: features}), torch.zeros(3).long()
    )
    found = own.cosines(torch.arange(3), own, torch.arange(3))
    expected = torch.tensor([[1.0, 1, 0], [1, 1, 0], [0, 0, 0]], dtype=torch.float64)
    torch.testing.assert_close(found, expected)


def test_heaviness_by_hand() -> None:
    # Thirty-one numbers 0 .. 30: median 15, absolute deviations 0, 1, 1, ..., 15, 15: median 8.
    # With the ten largest raised by 80: 0, 1, 1, ..., 5, 5, 6, ..., 15, and ten large: median 10.
    plain = torch.arange(31, dtype=torch.float64)
    heavy = plain.clone()
    heavy[-TAIL:] += 80
    found = heaviness(torch.stack([plain, heavy], dim=1))
    torch.testing.assert_close(found, torch.tensor([10.5 / 8, 90.5 / 10], dtype=torch.float64))


def test_a_prediction_that_no_training_example_is_labelled() -> None:
    train, queries = attacked()
    answers = torch.nn.functional.pad(queries.outputs, (0, 1), value=-1.0)
    answers[0, 3] = 99.0
    wide = Seen(
        train.labels, torch.nn.functional.pad(train.outputs, (0, 1), value=-30.0), train.layers
    )
    scores = scores_of(NAME, wide, Seen(queries.labels, answers, queries.layers))
    assert set(np.argsort(-scores)[:10]) == set(range(80, 90))
    nobody = answers[:1]
    alone = Seen(queries.labels[:1], nobody, {PENULTIMATE: queries.layers[PENULTIMATE][:1]})
    assert (scores_of(NAME, wide, alone) == -1).all()
