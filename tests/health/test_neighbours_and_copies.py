"""Neighbours against brute force in float64; near copies found, and none where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radiotracer.health import neighbours
from radiotracer.health.near_duplicates import (
    LARGEST,
    NEIGHBOURS,
    NearDuplicates,
    dimension_of,
    largest_ratio,
    near_duplicates,
)
from radiotracer.health.neighbours import DIRECTIONS, nearest
from radiotracer.opinions.reduced import reduction_of


def drawn(seed: int, n: int = 400, d: int = 12) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def sets(found: NearDuplicates) -> set[frozenset[int]]:
    ends = zip(found.starts[:-1], found.starts[1:], strict=True)
    return {frozenset(found.rows[a:b].tolist()) for a, b in ends}


@pytest.mark.parametrize("among", [None, 90])
def test_neighbours_are_those_of_brute_force(
    among: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", 37)
    points = drawn(1, 150) + 100  # far from 0: squares that cancel
    points[7] = points[3] + np.float32(1e-3)
    found = nearest(points, 5, among=among)
    wide = points.astype(np.float64)
    table = np.linalg.norm(wide[:, None] - wide[None, : among or 150], axis=2)
    table[np.arange(among or 150), np.arange(among or 150)] = np.inf
    expected = np.argsort(table, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(found.rows, expected)
    # Differences of float32 near 100 are exact to its last bit.
    np.testing.assert_allclose(
        found.distances, np.take_along_axis(table, expected, axis=1), rtol=1e-5
    )


def test_units_and_constants_do_not_matter() -> None:
    points = drawn(2)
    units = np.logspace(-3, 3, 12).astype(np.float32)
    other = np.concatenate([points * units + units, np.full((400, 1), 7, np.float32)], axis=1)
    one, two = (
        nearest(reduction_of(each, DIRECTIONS)(each), 4).distances for each in (other, points)
    )
    np.testing.assert_allclose(one / one.mean(), two / two.mean(), rtol=1e-3)


def test_long_features_keep_their_distances_where_they_lie_in_few_directions() -> None:
    flat = drawn(3, 300, 20) @ drawn(4, 20, 400)
    short = reduction_of(flat, DIRECTIONS)(flat)
    assert short.shape == (300, DIRECTIONS)
    scaled = (flat - flat.mean(axis=0)) / flat.std(axis=0)
    one, two = (nearest(each, 4).distances for each in (short, scaled))
    np.testing.assert_allclose(one / one.mean(), two / two.mean(), rtol=1e-3)


@pytest.mark.parametrize("d", [3, 8, 15])
def test_the_dimension_is_estimated(d: int) -> None:
    even = np.random.default_rng(d).uniform(size=(3000, d)).astype(np.float32)
    # Edges make it smaller, which is on the safe side.
    assert 0.7 * d < dimension_of(nearest(even, NEIGHBOURS).distances) < 1.1 * d


def test_the_threshold_is_the_law_of_ratios() -> None:
    """Of points without copies, a share t^D (k - 1) has a nearest neighbour within t r."""
    found = nearest(np.random.default_rng(5).uniform(size=(4000, 2)).astype(np.float32), 20)
    ratio = found.distances[:, 0] / found.distances[:, -1]
    for t in (0.02, 0.05):
        expected = 1 - (1 - t**2) ** 19
        assert (ratio < t).mean() == pytest.approx(expected, rel=0.3)
    t = largest_ratio(4000, 20, 2.0)
    assert 4000 * 19 * t**2 == pytest.approx(0.1)
    assert largest_ratio(10, 9, 1000.0) == LARGEST


@pytest.mark.parametrize("d", [2, 5, 20, 200])
def test_nothing_is_found_where_there_are_no_copies(d: int) -> None:
    wrong = 0
    for seed in range(100, 106):
        some = np.random.default_rng(seed)
        clusters = [some.normal(size=(200, d)) * s + 4 * some.normal(size=d) for s in (0.2, 1, 2)]
        points = np.concatenate(clusters).astype(np.float32)
        wrong += len(near_duplicates(reduction_of(points, DIRECTIONS)(points)))
    assert wrong <= 1


def test_copies_are_found_in_groups_of_any_size() -> None:
    some = np.random.default_rng(6)
    points = drawn(7, 500)
    points[100:103] = points[0] + 0.01 * some.normal(size=(3, 12))
    points[200] = points[1]  # the same features, other bytes
    points[300:340] = points[2] + 0.002 * some.normal(size=(40, 12))  # more than k
    found = near_duplicates(reduction_of(points, DIRECTIONS)(points))
    assert sets(found) == {
        frozenset((0, 100, 101, 102)),
        frozenset((1, 200)),
        frozenset((2, *range(300, 340))),
    }
    assert found.rows[:2].tolist() == [1, 200]
    assert found.similarity[:2].tolist() == [1.0, 1.0]
    assert np.all(found.similarity >= 1 - found.threshold)


def test_the_order_of_examples_does_not_matter() -> None:
    points = drawn(8)
    points[50:55] = points[0:5] + np.float32(0.02)
    order = np.random.default_rng(9).permutation(400)
    usual = near_duplicates(points)
    turned = near_duplicates(np.ascontiguousarray(points[order]))
    assert len(usual) == 5
    assert {frozenset(order[list(each)].tolist()) for each in sets(turned)} == sets(usual)


@pytest.mark.parametrize("n", [0, 1, 5, 11])
def test_few_examples_and_equal_ones_are_no_reason_to_fail(n: int) -> None:
    assert len(near_duplicates(drawn(10, n))) == 0
    equal = np.ones((max(n, 1), 3), np.float32)
    near_duplicates(reduction_of(equal, DIRECTIONS)(equal))
