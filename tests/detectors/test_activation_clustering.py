"""Activation clustering: the small cluster of a class, and classes that have none."""

from __future__ import annotations

import numpy as np
import pytest
from peers_world import classes, scores_of, seen
from sklearn.metrics import silhouette_score

from radiotracer.detectors.activation_clustering import smallness


def poisoned(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Twelve of the hundred examples of class 0 stand where class 2 does."""
    generator = np.random.default_rng(seed)
    points, labels = classes(generator, of=3, width=6, count=100)
    points[:12] = points[250] + generator.normal(size=(12, 6)) * 0.4
    return points, labels


def test_a_poisoned_share_of_a_class_comes_first() -> None:
    points, labels = poisoned(0)
    scores = scores_of("activation-clustering", seen(points, labels))
    assert set(np.argsort(-scores)[:12]) == set(range(12))
    assert len(np.unique(scores)) == 6  # two clusters a class


def test_the_score_by_hand() -> None:
    for seed in range(3):
        points, labels = poisoned(seed)
        own = points[labels == 0]
        cluster = np.arange(100) < 12
        # Six principal components of six dimensions are a rotation: distances stay.
        expected = np.where(cluster, 0.88, 0.12) * silhouette_score(own, cluster)
        scores = scores_of("activation-clustering", seen(points, labels))[labels == 0]
        np.testing.assert_allclose(scores, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "own",
    [
        np.zeros((1, 3)),
        np.array([[0.0, 1.0, 2.0], [3.0, 1.0, 5.0]]),
        np.ones((9, 3)),
    ],
)
def test_a_class_that_cannot_be_cut_in_two(own: np.ndarray) -> None:
    assert (smallness(own.astype(np.float32), np.zeros(len(own), np.int64), 0) == 0).all()


def test_more_columns_than_examples_and_columns_that_are_constant() -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(size=(7, 40)).astype(np.float32)
    points[:, 20:] = 1.0
    scores = smallness(points, np.zeros(7, np.int64), 0)
    assert np.isfinite(scores).all() and (scores >= 0).all() and (scores < 1).all()


def test_the_seed_is_taken() -> None:
    points, labels = classes(np.random.default_rng(0), of=2, width=12, count=60)
    one, again, other = (
        scores_of("activation-clustering", seen(points, labels), seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
