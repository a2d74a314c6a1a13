"""Spectral signatures against the eigenvectors of a covariance."""

from __future__ import annotations

import numpy as np
from peers_world import classes, scores_of, seen

from radiotracer.detectors.spectral_signatures import signatures


def test_against_the_covariance_of_each_class() -> None:
    generator = np.random.default_rng(0)
    points = (generator.normal(size=(50, 4)) * [3, 1, 2, 1] + 5).astype(np.float32)
    labels = generator.integers(0, 2, 50)
    found = signatures(points, labels)
    for label in range(2):
        own = points[labels == label].astype(float)
        centred = own - own.mean(axis=0)
        values, vectors = np.linalg.eigh(centred.T @ centred)
        np.testing.assert_allclose(found[labels == label], (centred @ vectors[:, -1]) ** 2)
        # All of them together are the largest squared singular value.
        np.testing.assert_allclose(found[labels == label].sum(), values[-1])


def test_a_poisoned_share_of_a_class_comes_first() -> None:
    generator = np.random.default_rng(1)
    points, labels = classes(generator, of=3, width=8, count=100)
    points[:12] = points[250] + generator.normal(size=(12, 8)) * 0.2
    scores = scores_of("spectral-signatures", seen(points, labels))
    assert set(np.argsort(-scores)[:12]) == set(range(12))


def test_shifts_and_rotations_change_nothing() -> None:
    generator = np.random.default_rng(2)
    points, labels = classes(generator, of=2, width=5, count=30)
    rotation = np.linalg.qr(generator.normal(size=(5, 5)))[0]
    one, other = (
        scores_of("spectral-signatures", seen(each, labels))
        for each in (points, points @ rotation + 3.0)
    )
    np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-5)


def test_classes_of_one_example_and_of_equal_ones() -> None:
    points = np.array([[1.0, 2.0], [3.0, 3.0], [3.0, 3.0], [0.0, 0.0], [0.0, 4.0]])
    scores = scores_of("spectral-signatures", seen(points, np.array([0, 1, 1, 2, 2])))
    np.testing.assert_allclose(scores, [0, 0, 0, 4, 4], atol=1e-12)
