"""Sums of coins against fractions and enumeration, intervals, bounds."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiotracer.errors import InputError
from radiotracer.stats import (
    binomial_log10_p,
    clopper_pearson,
    coins_log10_bound,
    coins_log10_p,
    poisson_binomial_log10_p,
)

rates = st.floats(1e-6, 1 - 1e-6)


def log10_of(p: Fraction) -> float:
    return math.log10(p.numerator) - math.log10(p.denominator)


@pytest.mark.parametrize(
    ("successes", "trials", "rate"),
    [
        (9, 20, 0.1),
        (24, 100, 0.1),
        (3, 10, 0.01),
        (0, 5, 0.3),
        (5, 5, 0.3),
        (1, 1000, 1e-9),
        (1500, 2000, 0.1),  # about 1e-900
        (2000, 2000, 0.001),
        (30, 60, 0.999),
    ],
)
def test_the_binomial_tail(successes: int, trials: int, rate: float) -> None:
    up, whole = rate.as_integer_ratio()
    ways = sum(
        math.comb(trials, k) * up**k * (whole - up) ** (trials - k)
        for k in range(successes, trials + 1)
    )
    found = binomial_log10_p(successes, trials, rate)
    expected = math.log10(ways) - trials * math.log10(whole)
    assert found == pytest.approx(expected, rel=1e-11, abs=1e-11)


def test_published_values() -> None:
    assert 10 ** binomial_log10_p(9, 20, 0.1) == pytest.approx(6.0e-5, rel=0.01)
    assert 10 ** binomial_log10_p(24, 100, 0.1) == pytest.approx(4.0e-5, rel=0.02)
    assert 10 ** binomial_log10_p(3, 10, 0.01) == pytest.approx(1.1e-4, rel=0.05)
    assert 10 ** binomial_log10_p(5, 10, 0.01) == pytest.approx(2.4e-8, rel=0.02)


@given(trials=st.integers(1, 300), rate=rates, data=st.data())
def test_properties_of_the_binomial(trials: int, rate: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials - 1))
    fewer, more = (binomial_log10_p(k, trials, rate) for k in (successes, successes + 1))
    assert more <= fewer + 1e-12 <= 1e-12 and math.isfinite(more)


@given(trials=st.integers(1, 300), data=st.data(), confidence=st.floats(0.5, 0.999))
def test_clopper_and_pearson(trials: int, data: st.DataObject, confidence: float) -> None:
    """At either end, what was seen or more extreme has half of what the confidence leaves."""
    successes = data.draw(st.integers(0, trials))
    low, high = clopper_pearson(successes, trials, confidence=confidence)
    rest = math.log10((1 - confidence) / 2)
    assert low <= successes / trials <= high
    if successes:
        assert binomial_log10_p(successes, trials, low) == pytest.approx(rest, abs=1e-6)
    else:
        assert low == 0.0
    if successes < trials:
        failures = binomial_log10_p(trials - successes, trials, 1 - high)
        assert failures == pytest.approx(rest, abs=1e-6)
    else:
        assert high == 1.0


def test_the_interval_without_successes() -> None:
    assert clopper_pearson(0, 1000) == (0.0, pytest.approx(1 - 0.025 ** (1 / 1000), rel=1e-9))


@given(coins=st.lists(st.tuples(st.integers(0, 9), rates), min_size=1, max_size=8), data=st.data())
def test_weighted_coins_against_enumeration(
    coins: list[tuple[int, float]], data: st.DataObject
) -> None:
    weights = np.array([weight for weight, _ in coins])
    if not weights.any():
        return
    at_least = data.draw(st.integers(0, int(weights.sum())))
    exact = Fraction(0)
    for fallen in itertools.product([0, 1], repeat=len(coins)):
        if weights @ fallen >= at_least:
            exact += math.prod(
                Fraction(rate) if up else 1 - Fraction(rate)
                for up, (_, rate) in zip(fallen, coins, strict=True)
            )
    each = np.array([rate for _, rate in coins])
    found = coins_log10_p(weights, each, at_least)
    assert found == pytest.approx(log10_of(exact), rel=1e-10, abs=1e-12)
    # The bound holds, and where one outcome alone is left it is the truth.
    bound = coins_log10_bound(weights, each, at_least)
    assert found <= bound + 1e-9 and bound <= 0.0
    if at_least == weights.sum():
        assert bound == pytest.approx(found, rel=1e-6, abs=1e-9)


@given(trials=st.integers(1, 400), rate=rates, data=st.data())
def test_equal_rates_are_the_binomial(trials: int, rate: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    found = poisson_binomial_log10_p(successes, np.full(trials, rate))
    assert found == pytest.approx(binomial_log10_p(successes, trials, rate), rel=1e-9, abs=1e-10)


def test_more_coins_than_a_float_can_halve() -> None:
    """2,000 fair coins: one outcome has probability 2^-2000, below the smallest float."""
    ones = np.ones(2000, dtype=np.int64)
    for at_least in (1100, 1500, 1990, 2000):
        exact = Fraction(sum(math.comb(2000, k) for k in range(at_least, 2001)), 2**2000)
        assert coins_log10_p(ones, 0.5, at_least) == pytest.approx(log10_of(exact), rel=1e-11)


def test_how_loose_the_bound_is() -> None:
    """The factors that the documentation promises: about 8 at 1e-3, 20 to 30 at 1e-30."""
    weights = np.arange(1, 301)
    half = int(weights.sum()) / 2
    deviation = math.sqrt((weights**2).sum()) / 2
    for z, log10_p, low, high in ((3.09, -3, 7, 9), (10.8, -30, 20, 30)):
        at_least = round(half + z * deviation)
        truth, bound = (f(weights, 0.5, at_least) for f in (coins_log10_p, coins_log10_bound))
        assert truth == pytest.approx(log10_p, rel=0.1)
        assert low < 10 ** (bound - truth) < high


def test_the_null_of_different_rates() -> None:
    """2,000 draws; small p-values are no more frequent than they say (fails once in 10^6 runs)."""
    random = np.random.default_rng(5)
    chances = random.uniform(0.02, 0.6, 30)
    hits = (random.random((2000, 30)) < chances).sum(axis=1)
    p = {k: 10 ** poisson_binomial_log10_p(k, chances) for k in range(31)}
    below = sum(p[int(k)] <= 0.1 for k in hits)
    attained = max(each for each in p.values() if each <= 0.1)
    low, high = stats.binom.ppf([5e-7, 1 - 5e-7], 2000, attained)
    assert low <= below <= high


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: binomial_log10_p(6, 5, 0.1), r"successes in \[0, 5\]; got 6"),
        (lambda: binomial_log10_p(-1, 5, 0.1), r"successes in \[0, 5\]; got -1"),
        (lambda: binomial_log10_p(0, 0, 0.1), "at least 1 trial; got 0"),
        (lambda: binomial_log10_p(1, 5, 1.0), r"rates in \(0, 1\); got 1"),
        (lambda: binomial_log10_p(1, 5, math.nan), r"rates in \(0, 1\); got nan"),
        (lambda: clopper_pearson(1, 5, confidence=95.0), r"confidence in \(0, 1\); got 95"),
        (lambda: poisson_binomial_log10_p(1, [0.5, 0.0]), r"rates in \(0, 1\); got 0"),
        (lambda: coins_log10_p(np.array([1, 2]), 0.5, 4), "at most 3, .* got 4"),
        (lambda: coins_log10_p(np.array([0, 0]), 0.5, 0), "one of them positive"),
        (lambda: coins_log10_bound([-1.0, 2.0], 0.5, 0), "weights of at least 0"),
        (lambda: coins_log10_bound([1.0, 2.0], [0.5], 0), r"shapes \(2,\) and \(1,\)"),
        (lambda: coins_log10_bound([1.0, 2.0], 0.5, math.nan), "at most 3, .* got nan"),
    ],
)
def test_bad_input(call: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()  # type: ignore[operator]
