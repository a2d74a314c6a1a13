"""Whether controls look innocent: against scipy's tests, and p-values made wrong on purpose."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiotracer.errors import InputError
from radiotracer.stats import uniformity

samples = st.lists(st.floats(-6, 0), min_size=1, max_size=40).map(np.array)


@given(log10_p=samples)
def test_scipy_agrees(log10_p: np.ndarray) -> None:
    found = uniformity(log10_p)
    p = 10.0**log10_p
    small = stats.kstest(p, "uniform", alternative="greater", method="exact")
    either = stats.kstest(p, "uniform", method="exact")
    assert found.count == len(p)
    assert found.excess == pytest.approx(max(small.statistic, 0.0), abs=1e-15)
    assert found.distance == pytest.approx(either.statistic)
    for log10, p_value in (
        (found.excess_log10_p, small.pvalue),
        (found.distance_log10_p, either.pvalue),
    ):
        if p_value > 0:
            assert 10**log10 == pytest.approx(p_value, rel=1e-8, abs=1e-12)


def test_one_p_value() -> None:
    """With one p-value p, D+ = 1 - p, and D+ is at least that with probability p."""
    found = uniformity([math.log10(0.2)])
    assert found.excess == pytest.approx(0.8)
    assert 10**found.excess_log10_p == pytest.approx(0.2)


def test_where_floats_end() -> None:
    found = uniformity(np.full(2000, -9.0))
    # The exact tail would be about (1e-9)^2000; the bound is smaller evidence, and finite.
    assert found.excess_log10_p == pytest.approx(-2 * 2000 / math.log(10), rel=1e-6)
    assert found.excess_log10_p <= found.distance_log10_p < -1000


def test_the_bound_is_a_bound() -> None:
    """Just above the change-over, the exact tail is below the bound that is used beyond it."""
    for n in (50, 1000):
        for d in (0.3, 0.5):
            assert stats.ksone.sf(d, n) <= math.exp(-2 * n * d**2)
            assert stats.kstwo.sf(d, n) <= 2 * math.exp(-2 * n * d**2)


@given(log10_p=samples, shift=st.floats(0, 3))
def test_larger_p_values_are_never_held_against_a_test(log10_p: np.ndarray, shift: float) -> None:
    larger = np.minimum(log10_p + shift, 0.0)
    assert uniformity(larger).excess <= uniformity(log10_p).excess + 1e-12
    assert uniformity(larger).excess_log10_p >= uniformity(log10_p).excess_log10_p - 1e-9


def test_the_null_and_its_violations() -> None:
    """1,000 uniform p-values pass (all but twice in 10^6 runs); squared or halved ones do not, and
    p-values that are too large are only not uniform.
    """
    uniform = np.log10(np.random.default_rng(9).random(1000))
    passed = uniformity(uniform)
    assert passed.excess_log10_p > -6 and passed.distance_log10_p > -6
    assert uniformity(2 * uniform).excess_log10_p < -20
    assert uniformity(uniform - math.log10(2)).excess_log10_p < -50
    large = uniformity(uniform / 2)
    assert large.excess_log10_p > -0.1 and large.distance_log10_p < -20


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"shape \(n,\); got shape \(1, 1\)"):
        uniformity([[-1.0]])
    with pytest.raises(InputError, match="at most 0; got 2"):
        uniformity([2.0])


@pytest.mark.parametrize("log10_p", [-12.0, -16.0, -17.0, -40.0, -300.0])
def test_a_few_p_values_that_are_far_too_small(log10_p: float) -> None:
    """Below 2^-53 the distance is 1 in float64: what is told of them must not become weaker."""
    assert uniformity([log10_p] * 3).excess_log10_p < -35
    assert uniformity([log10_p] * 3).distance_log10_p < -35
