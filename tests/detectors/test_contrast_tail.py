"""p-values: properties of the formula, and calibration where its assumptions hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from radiotracer.detectors.contrast.tail import FEWEST, TAIL, p_values

# Half of the smallest number above 0 is 0: numbers that small have another order in another unit.
numbers = st.floats(-50, 50, allow_subnormal=False) | st.sampled_from([0.0, 1.0])
some = st.lists(numbers, min_size=1, max_size=60).map(np.array)


def conformal(scores: np.ndarray, trusted: np.ndarray) -> np.ndarray:
    return np.array([(1 + (trusted >= score).sum()) / (len(trusted) + 1) for score in scores])


def edge_of(trusted: np.ndarray) -> float:
    count = min(len(trusted), max(FEWEST, round(TAIL * len(trusted))))
    return float(np.sort(trusted)[-count])


@given(scores=some, trusted=some)
def test_properties(scores: np.ndarray, trusted: np.ndarray) -> None:
    found = p_values(scores, trusted)
    assert found.shape == scores.shape and found.dtype == np.float64
    assert ((found > 0) & (found <= 1)).all()
    # The higher the score, the smaller, and equal for equal scores.
    order = np.argsort(-scores, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    same = np.diff(scores[order]) == 0
    assert (np.diff(found[order])[same] == 0).all()
    # Up to the tail they are counted.
    counted = scores <= edge_of(trusted)
    np.testing.assert_allclose(found[counted], conformal(scores, trusted)[counted])
    # The order of the trusted examples plays no part.
    np.testing.assert_allclose(p_values(scores, trusted[::-1]), found, rtol=1e-9)


@given(scores=some, trusted=some, scale=st.sampled_from([0.5, 4.0]))
def test_the_unit_of_the_scores_plays_no_part(
    scores: np.ndarray, trusted: np.ndarray, scale: float
) -> None:
    np.testing.assert_allclose(
        p_values(scale * scores, scale * trusted), p_values(scores, trusted), rtol=1e-9
    )


def test_by_hand() -> None:
    # 0, 1, ..., 19: the tail is 10 .. 19, the excesses over 10 sum to 45.
    found = p_values(np.array([55.0, 10.0, 4.5]), np.arange(20.0))
    np.testing.assert_allclose(found, [10 / 21 * 2.0**-9, 11 / 21, 16 / 21])


def test_equal_trusted_scores_are_counted() -> None:
    found = p_values(np.array([5.0, 0.0]), np.zeros(30))
    np.testing.assert_allclose(found, [1 / 31, 1.0])


def test_far_beyond_the_tail_it_stays_above_zero() -> None:
    found = p_values(np.array([1e300]), np.arange(2000.0) / 1000)
    assert 0 < found[0] < 1e-300


RUNS, TRUSTED = 40_000, 100


def shares(draw: str) -> np.ndarray:
    """p-values of one honest example each, against its own hundred trusted ones."""
    generator = np.random.default_rng(7)
    scores = getattr(generator, draw)(size=(RUNS, TRUSTED + 1))
    return np.array([p_values(row[:1], row[1:])[0] for row in scores])


def test_calibration() -> None:
    """Honest scores with an exponential tail: P(p <= a) = a at every level that is reached.

    Exchangeable scores, so that the counts are Binomial(40000, a). Each bound is exceeded with a
    probability below 1e-9, five levels and two sides: a false failure in 1e8 seeds.
    """
    found = shares("standard_exponential")
    for level in (50 / 101, 10 / 101, 0.01, 1e-3, 2e-4):
        hits = int((found <= level + 1e-12).sum())
        low, high = binom.ppf([1e-9, 1 - 1e-9], RUNS, level)
        assert low <= hits <= high, (level, hits / RUNS)


@pytest.mark.parametrize("draw", ["standard_normal", "random"])
def test_lighter_tails_are_never_flagged_too_often(draw: str) -> None:
    """Normal and uniform scores: at most a, false failures as above."""
    found = shares(draw)
    for level in (10 / 101, 0.01, 1e-3, 2e-4):
        assert (found <= level + 1e-12).sum() <= binom.ppf(1 - 1e-9, RUNS, level)
