"""Outliers: the formula in float64, what is found, and how much of clean data is."""

from __future__ import annotations

import numpy as np
import pytest

from radiotracer.health.outliers import LONG, NEIGHBOURS, THRESHOLD, outlier_scores, outliers


def test_the_score_is_the_formula() -> None:
    points = np.random.default_rng(1).normal(size=(200, 4)) * (1, 10, 100, 0.1)
    scaled = (points - points.mean(axis=0)) / points.std(axis=0)
    table = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    far = np.log(np.sort(table, axis=1)[:, 1 : NEIGHBOURS + 1].mean(axis=1))
    middle, upper = np.quantile(far, [0.5, 0.75])
    np.testing.assert_allclose(
        outlier_scores(points.astype(np.float32)),
        (far - middle) / ((upper - middle) / 0.6745),
        rtol=1e-3,
        atol=1e-3,
    )


@pytest.mark.parametrize("d", [2, 10, 100])
def test_few_of_clean_examples_are_called_outliers(d: int) -> None:
    for seed in (100, 101):
        points = np.random.default_rng(seed).normal(size=(1000, d)).astype(np.float32)
        assert len(outliers(points)) <= 10
        heavy = np.random.default_rng(seed).standard_t(2, size=(1000, d)).astype(np.float32)
        assert len(outliers(heavy)) <= 10


def test_what_is_far_is_found_whatever_the_order() -> None:
    some = np.random.default_rng(2)
    points = some.normal(size=(600, 8)).astype(np.float32)
    points[[5, 99, 301]] += np.array([[9.0], [-12.0], [15.0]], np.float32)
    found = outliers(points)
    assert found.rows[:3].tolist() == [301, 99, 5]
    assert (found.scores > THRESHOLD).all()
    order = some.permutation(600)
    assert order[outliers(points[order]).rows].tolist() == found.rows.tolist()


def test_another_direction_is_found_however_short_it_is() -> None:
    """What a network does not know is answered by little of everything."""
    some = np.random.default_rng(3)
    points = np.abs(some.normal(size=(800, LONG))).astype(np.float32)
    points[17] = 0.8 * (np.arange(LONG) % 4 == 0)
    assert outliers(points).rows[0] == 17
    assert 17 not in outliers(points[:, : LONG - 1]).rows


@pytest.mark.parametrize("n", [0, 1, 29, 200])
def test_few_or_equal_examples_have_no_outliers(n: int) -> None:
    assert len(outliers(np.ones((n, 3), np.float32))) == 0
    assert len(outliers(np.ones((n, LONG), np.float32))) == 0
