"""Deep k-NN against a count over all pairs, and the rule of its source."""

from __future__ import annotations

import importlib
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from peers_world import classes, scores_of, seen

from radiotracer.detectors import detection
from radiotracer.detectors.deep_knn import MOST, disagreement, neighbours
from radiotracer.errors import InputError


def by_hand(points: NDArray[np.float32], labels: NDArray[np.int64], k: int) -> list[float]:
    found = []
    for i in range(len(points)):
        others = [j for j in range(len(points)) if j != i]
        others.sort(key=lambda j: float(np.linalg.norm(points[i] - points[j])))
        votes = Counter(labels[j] for j in others[:k])
        own = votes.pop(labels[i], 0)
        found.append((max(votes.values(), default=0) - own) / k)
    return found


@pytest.mark.parametrize("k", [1, 5, 39])
def test_against_a_count_by_hand(k: int) -> None:
    generator = np.random.default_rng(k)
    points = generator.normal(size=(40, 3)).astype(np.float32)
    labels = generator.integers(0, 3, 40)
    np.testing.assert_allclose(disagreement(points, labels, k), by_hand(points, labels, k))


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(9)
    points = generator.normal(size=(40, 3)).astype(np.float32)
    labels = generator.integers(0, 3, 40)
    monkeypatch.setattr(importlib.import_module("radiotracer.detectors.deep_knn"), "BLOCK", 7)
    np.testing.assert_allclose(disagreement(points, labels, 5), by_hand(points, labels, 5))


def test_what_the_source_removes_scores_above_zero() -> None:
    # The example at 0 has two neighbours of its label and three others, each of another label: its
    # own is the strongest. At 100 the same two are outvoted by three of one label.
    points = np.array([[0], [1], [1], [2], [2], [2], [100], [101], [101], [102], [102], [102]])
    labels = np.array([0, 0, 0, 1, 2, 3, 0, 0, 0, 1, 1, 1])
    scores = disagreement(points.astype(np.float32), labels, 5)
    np.testing.assert_allclose(scores[[0, 6]], [-0.2, 0.2])


def test_no_example_votes_on_itself_not_even_among_duplicates() -> None:
    # Two equal pairs far from each other; in each the labels differ.
    points = np.array([[0.0], [0.0], [9.0], [9.0]], np.float32)
    assert disagreement(points, np.array([0, 1, 0, 1]), 1).tolist() == [1.0, 1.0, 1.0, 1.0]
    assert disagreement(points, np.array([0, 0, 1, 1]), 1).tolist() == [-1.0, -1.0, -1.0, -1.0]
    # Of eight equal points some do not find themselves among their nearest; they have k voters too.
    same = np.zeros((8, 1), np.float32)
    assert disagreement(same, np.zeros(8, np.int64), 2).tolist() == [-1.0] * 8


@pytest.mark.parametrize(("n", "k"), [(4, 4), (4, 0), (1, 1)])
def test_more_neighbours_than_there_are(n: int, k: int) -> None:
    with pytest.raises(InputError) as caught:
        disagreement(np.zeros((n, 2), np.float32), np.zeros(n, np.int64), k)
    assert str(caught.value) == (
        f"expected k from 1 to one less than the {n} examples; got {k}; "
        "choose another k, or scan two examples or more"
    )


def test_few_examples_have_few_neighbours() -> None:
    points, labels = np.array([[0.0], [1.0], [5.0]]), np.array([0, 0, 1])
    np.testing.assert_allclose(scores_of("deep-knn", seen(points, labels)), [0.0, 0.0, 1.0])


def test_twice_the_class_is_asked_but_not_without_end() -> None:
    assert neighbours(np.repeat([0, 1, 7], 50)) == 100
    assert neighbours(np.repeat([0, 1], MOST)) == MOST
    assert neighbours(np.array([0, 1, 2])) == 2


def test_it_finds_collisions_and_flips() -> None:
    generator = np.random.default_rng(0)
    points, labels = classes(generator, of=3, width=6, count=80)
    tampered = np.zeros(240, dtype=bool)
    # Thirty of class 1 placed on one of class 0: near each other first, but fewer than class 0 is.
    points[80:110] = points[0] + generator.normal(size=(30, 6)) * 0.05
    labels[170:180] = 0
    tampered[[*range(80, 110), *range(170, 180)]] = True
    scores = scores_of("deep-knn", seen(points, labels))
    assert detection(scores, tampered).auroc == 1.0
    assert (scores[80:110] > 0).all()
