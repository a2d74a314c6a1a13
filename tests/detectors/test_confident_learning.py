"""Confident learning: out-of-fold opinions, and labels as they come."""

from __future__ import annotations

import numpy as np
import pytest
from peers_world import classes, scores_of, seen

from radiotracer.detectors import detection
from radiotracer.detectors.confident_learning import probabilities

pytest.importorskip("cleanlab")


def test_flips_come_first() -> None:
    points, labels = classes(np.random.default_rng(0), of=3, width=6, count=80)
    flipped = np.zeros(240, dtype=bool)
    flipped[:8] = flipped[100:108] = True
    labels[flipped] = 2
    scores = scores_of("confident-learning", seen(points, labels))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert detection(scores, flipped).auroc > 0.99


def test_the_score_is_what_others_leave_to_the_label() -> None:
    points, labels = classes(np.random.default_rng(1), of=3, width=6, count=30, noise=1.5)
    said = probabilities(points.astype(np.float32), labels, 3, seed=4)
    scores = scores_of("confident-learning", seen(points, labels), seed=4)
    np.testing.assert_allclose(scores, 1 - said[np.arange(90), labels], atol=1e-9)
    np.testing.assert_allclose(said.sum(axis=1), 1.0, rtol=1e-6)


def test_no_head_was_fitted_to_what_it_judges() -> None:
    # Labels at random and more columns than examples, as in test_contrast_doubt: Binomial(200,
    # 1/2) are right, between 50 and 150 but for a probability below 1e-11.
    generator = np.random.default_rng(0)
    points = generator.normal(size=(200, 400)).astype(np.float32)
    labels = generator.integers(0, 2, 200)
    right = probabilities(points, labels, 2, seed=0).argmax(axis=1) == labels
    assert 50 < right.sum() < 150


def test_labels_with_gaps_are_as_good() -> None:
    points, labels = classes(np.random.default_rng(2), of=3, width=6, count=20)
    one, other = (
        scores_of("confident-learning", seen(points, each)) for each in (labels, labels * 3 + 1)
    )
    np.testing.assert_array_equal(other, one)


def test_an_example_alone_in_its_class() -> None:
    points, labels = classes(np.random.default_rng(3), of=2, width=4, count=20)
    labels[0] = 2
    scores = scores_of("confident-learning", seen(points, labels))
    assert scores.argmax() == 0 and scores[0] == pytest.approx(1.0)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_where_nothing_can_be_held_against_a_label(labels: list[int]) -> None:
    points = np.random.default_rng(0).normal(size=(4, 3))
    assert (scores_of("confident-learning", seen(points, np.array(labels))) == 0).all()
