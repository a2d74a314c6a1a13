"""Fisher's combination and Holm's adjustment, against high precision and plain procedures."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiotracer.errors import InputError
from radiotracer.stats import cosine_log10_p, fisher, holm

logs = st.floats(-400, 0)
many = st.lists(logs, min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("cosine", "classes", "log10_p"),
    [
        (0.1, 10, -9.9332060),
        (0.05, 10, -2.4205892),
        (0.5, 10, -313.352),
        (0.99, 2, -869.48),
    ],
)
def test_golden_values_of_fisher(cosine: float, classes: int, log10_p: float) -> None:
    found = fisher(cosine_log10_p([cosine] * classes, 512))
    assert found == pytest.approx(log10_p, abs=2e-3 if log10_p < -100 else 1e-6)


@given(log10_p=many)
def test_fisher_with_many_digits(log10_p: list[float]) -> None:
    getcontext().prec = 50
    h = -sum(map(Decimal, log10_p)) * Decimal(10).ln()
    tail = sum(h**i / math.factorial(i) for i in range(len(log10_p))) if h else Decimal(1)
    expected = float((tail.ln() - h) / Decimal(10).ln())
    assert fisher(log10_p) == pytest.approx(expected, rel=1e-10, abs=1e-10)


@given(log10_p=st.lists(st.floats(-20, 0), min_size=1, max_size=12))
def test_fisher_is_scipys_where_that_one_works(log10_p: list[float]) -> None:
    expected = stats.combine_pvalues(10.0 ** np.array(log10_p)).pvalue
    np.testing.assert_allclose(10.0 ** fisher(log10_p), expected, rtol=1e-8)


@given(log10_p=many, seed=st.integers(0, 99))
def test_properties_of_fisher(log10_p: list[float], seed: int) -> None:
    given_p = np.array(log10_p)
    found = float(fisher(given_p))
    assert found <= 0.0 and math.isfinite(found)
    shuffled = np.random.default_rng(seed).permutation(given_p)
    assert fisher(shuffled) == pytest.approx(found, rel=1e-9, abs=1e-9)
    assert fisher(given_p - 1.0) < found + 1e-12
    np.testing.assert_array_equal(fisher(np.tile(given_p, (2, 3, 1))), np.full((2, 3), found))
    assert fisher(given_p[:1]) == pytest.approx(given_p[0], rel=1e-12, abs=1e-12)


def test_the_null_of_fisher() -> None:
    """2,000 combinations of 7 uniform p-values; fails by chance once in 10^6 runs."""
    uniform = np.log10(np.random.default_rng(2).random((2000, 7)))
    below = (10 ** fisher(uniform) <= 0.05).sum()
    low, high = stats.binom.ppf([5e-7, 1 - 5e-7], 2000, 0.05)
    assert low <= below <= high


def test_golden_values_of_holm() -> None:
    # Holm's own steps: 3 x 0.01, 2 x 0.02, and the last is lifted to the one before it.
    adjusted = holm(np.log10([0.03, 0.01, 0.02]))
    np.testing.assert_allclose(10**adjusted, [0.04, 0.03, 0.04])
    np.testing.assert_allclose(holm([-500.0, -0.1]), [-500 + math.log10(2), -0.1])


@given(
    log10_p=st.lists(st.floats(-5, 0) | st.just(-1.0), min_size=1, max_size=9),
    at=st.floats(-400, -1e-3),
)
def test_holm_decides_as_the_procedure(log10_p: list[float], at: float) -> None:
    """Reject the smallest while it is at most alpha / (number still open)."""
    given_p, level = np.array(log10_p), at / 80
    adjusted = holm(given_p)
    rejected = np.zeros(given_p.size, dtype=bool)
    for step, each in enumerate(np.argsort(given_p, kind="stable")):
        if given_p[each] + np.log10(given_p.size - step) > level:
            break
        rejected[each] = True
    np.testing.assert_array_equal(adjusted <= level, rejected)
    assert (adjusted >= given_p).all() and (adjusted <= 0).all()
    by_size = np.argsort(given_p, kind="stable")
    assert (np.diff(adjusted[by_size]) >= 0).all()
    np.testing.assert_array_equal(holm(given_p[::-1]), adjusted[::-1])


def test_holm_keeps_its_promise() -> None:
    """Five true nulls, all the same p-value or independent: one error in at most 5 % of 2,000
    families (fails by chance at most once in 10^6 runs).
    """
    random = np.random.default_rng(3)
    for tests in (random.random((2000, 5)), np.repeat(random.random((2000, 1)), 5, axis=1)):
        errors = sum((10 ** holm(np.log10(each)) <= 0.05).any() for each in tests)
        assert errors <= stats.binom.ppf(1 - 5e-7, 2000, 0.05)


@pytest.mark.parametrize("combine", [fisher, holm])
@pytest.mark.parametrize(
    ("log10_p", "text"),
    [
        ([], "at least one p-value on the last axis"),
        (-1.0, "at least one p-value on the last axis"),
        ([-1.0, 0.5], "expected log10 of p-values, at most 0; got 0.5"),
        ([-1.0, -math.inf], "expected finite log10 p-values; got NaN or infinity"),
        ([math.nan], "expected finite log10 p-values"),
    ],
)
def test_bad_input(combine: object, log10_p: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        combine(log10_p)  # type: ignore[operator]


def test_holm_wants_one_axis() -> None:
    with pytest.raises(InputError, match=r"shape \(m,\); got shape \(1, 2\)"):
        holm([[-1.0, -2.0]])
