"""Deep k-NN against a count over all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from peers_world import classes, scores_of, seen

from radiotracer.detectors import detection
from radiotracer.detectors.deep_knn import disagreement
from radiotracer.errors import InputError


def by_hand(points: NDArray[np.float32], labels: NDArray[np.int64], k: int) -> list[float]:
    found = []
    for i in range(len(points)):
        others = [j for j in range(len(points)) if j != i]
        others.sort(key=lambda j: float(np.linalg.norm(points[i] - points[j])))
        found.append(-sum(labels[j] == labels[i] for j in others[:k]) / k)
    return found


@pytest.mark.parametrize("k", [1, 5, 39])
def test_against_a_count_by_hand(k: int) -> None:
    generator = np.random.default_rng(k)
    points = generator.normal(size=(40, 3)).astype(np.float32)
    labels = generator.integers(0, 3, 40)
    np.testing.assert_allclose(disagreement(points, labels, k), by_hand(points, labels, k))


def test_no_example_is_its_own_neighbour_not_even_among_duplicates() -> None:
    # Two equal pairs far from each other; in each the labels differ.
    points = np.array([[0.0], [0.0], [9.0], [9.0]], np.float32)
    assert disagreement(points, np.array([0, 1, 0, 1]), 1).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert disagreement(points, np.array([0, 0, 1, 1]), 1).tolist() == [-1.0, -1.0, -1.0, -1.0]


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
    np.testing.assert_allclose(scores_of("deep-knn", seen(points, labels)), [-0.5, -0.5, 0.0])


def test_it_finds_collisions_and_flips() -> None:
    generator = np.random.default_rng(0)
    points, labels = classes(generator, of=3, width=6, count=80)
    tampered = np.zeros(240, dtype=bool)
    points[80:90] = points[0] + generator.normal(size=(10, 6)) * 0.05  # labelled 1, placed at 0
    labels[170:180] = 0
    tampered[[*range(80, 90), *range(170, 180)]] = True
    # Ten of fifty neighbours are the other collisions: a share of 0.18 against 0.8 and more.
    assert detection(scores_of("deep-knn", seen(points, labels)), tampered).auroc == 1.0
