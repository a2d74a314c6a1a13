"""Conformal p-values and false discovery control: brute force, exact fractions, and simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiotracer.errors import InputError, NotFiniteError
from radiotracer.stats import (
    clean_share,
    conformal_p_values,
    conformal_p_values_by_group,
    flagged,
    q_values,
    smallest_reference,
)

tied = st.floats(-3, 3) | st.sampled_from([0.0, 1.0, -1.0])
some = st.lists(tied, min_size=1, max_size=20).map(np.array)
rates = st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.5])


@given(scores=some, reference=some)
def test_they_count_the_reference(scores: np.ndarray, reference: np.ndarray) -> None:
    expected = [(1 + sum(r >= s for r in reference)) / (len(reference) + 1) for s in scores]
    found = conformal_p_values(scores, reference)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-15)


@given(scores=some, reference=some, seed=st.integers(0, 99))
def test_groups_are_compared_with_their_own(
    scores: np.ndarray, reference: np.ndarray, seed: int
) -> None:
    random = np.random.default_rng(seed)
    groups = random.integers(0, 3, len(scores))
    reference = np.concatenate([reference, [0.0, 0.5, -0.5]])
    theirs = np.concatenate([random.integers(0, 3, len(reference) - 3), [0, 1, 2]])
    found = conformal_p_values_by_group(scores, groups, reference, theirs)
    for score, group, p in zip(scores, groups, found, strict=True):
        own = reference[theirs == group]
        assert p == pytest.approx((1 + (own >= score).sum()) / (len(own) + 1), rel=1e-15)


def steps(p_values: np.ndarray, rate: Fraction) -> np.ndarray:
    """Benjamini and Hochberg's own words: the largest k with p_(k) <= k rate / n."""
    n = len(p_values)
    ordered = sorted(Fraction(p).limit_denominator(10**6) for p in p_values)
    largest = max((k for k in range(1, n + 1) if ordered[k - 1] <= k * rate / n), default=0)
    bound = ordered[largest - 1] if largest else Fraction(-1)
    return np.array([Fraction(p).limit_denominator(10**6) <= bound for p in p_values])


@given(
    counts=st.lists(st.integers(1, 400), min_size=1, max_size=40),
    rate=st.sampled_from(["0.01", "0.05", "0.1", "0.2"]),
)
def test_flagging_is_the_step_up_procedure(counts: list[int], rate: str) -> None:
    """P-values that meet their bounds exactly, as conformal ones do all the time."""
    p_values = np.array(counts) / 400
    found = flagged(q_values(p_values), float(rate))
    np.testing.assert_array_equal(found, steps(p_values, Fraction(rate)))


@given(scores=some, reference=some)
def test_properties_of_q_values(scores: np.ndarray, reference: np.ndarray) -> None:
    p_values = conformal_p_values(scores, reference)
    found = q_values(p_values)
    assert (found >= p_values - 1e-15).all() and (found <= 1).all()
    by_size = np.argsort(p_values, kind="stable")
    assert (np.diff(found[by_size]) >= 0).all()
    np.testing.assert_allclose(q_values(p_values, null_share=0.5), found / 2)
    assert (q_values(p_values, null_share=3.0) <= 1).all()
    untested = np.append(p_values, np.nan)
    np.testing.assert_array_equal(q_values(untested), np.append(found, np.nan))
    assert not flagged(q_values(untested), 0.9)[-1]
    assert np.isnan(q_values([np.nan])).all()


@pytest.mark.parametrize(
    ("p_values", "smallest", "share"),
    [
        ([0.25, 0.5, 0.75, 1.0], 0.25, (1 + 3) / 2),  # 1/2 is a multiple: it counts, 1/4 does not
        ([0.2, 0.4, 0.6, 0.8], 0.2, (1 + 3) / 2),  # it is none: 2/5 counts, 1/5 does not
        ([0.1, 0.1, 0.1, np.nan], 0.1, 1 / 1.5),
        ([0.25, 0.4], [0.25, 0.2], (1 + 1) / 1),
    ],
)
def test_golden_shares(p_values: list[float], smallest: object, share: float) -> None:
    assert clean_share(p_values, smallest) == pytest.approx(share)  # type: ignore[arg-type]


@pytest.mark.parametrize("m", [1, 2, 3, 18, 19, 20, 99, 500, 501, 999])
def test_where_the_share_begins_to_count(m: int) -> None:
    grid = np.arange(1, m + 2) / (m + 1)
    expected = sum(k >= (m + 1) // 2 for k in range(1, m + 2))
    assert clean_share(grid, 1 / (m + 1)) * (m + 1) / 2 - 1 == pytest.approx(expected)


@given(rate=rates, share=st.integers(1, 400).map(lambda k: k / 400))
def test_the_smallest_reference(rate: float, share: float) -> None:
    bound = Fraction(str(rate)) * Fraction(round(share * 400), 400)
    least = next(m for m in range(10**6) if Fraction(1, m + 1) <= bound)
    assert smallest_reference(rate, share) == least


@pytest.mark.parametrize(
    ("rate", "n", "above"), [(0.05, 1000, 50), (0.1, 300, 7), (0.01, 77, 3), (0.01, 1000, 625)]
)
def test_the_smallest_reference_is_enough_and_none_smaller(rate: float, n: int, above: int) -> None:
    least = smallest_reference(rate, above / n)
    for m, enough in ((least, True), (least - 1, False)):
        scores = np.where(np.arange(n) < above, 9.0, -9.0)
        p_values = conformal_p_values(scores, np.zeros(m))
        assert flagged(q_values(p_values), rate).sum() == (above if enough else 0)


RATE = 0.1
WORLDS = 1000


def realised(decide: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """False discovery proportion and power in 1,000 finite worlds of 600 examples, 80 tampered.

    The 240 in the reference are drawn from the 520 honest ones, whose scores depend on their class.
    """
    found = np.empty((WORLDS, 2))
    for world in range(WORLDS):
        random = np.random.default_rng([5, world])
        tampered = np.arange(600) < 80
        labels = random.integers(0, 2, 600)
        scores = random.standard_normal(600) + 4.0 * tampered + labels
        reference = random.choice(np.flatnonzero(~tampered), 240, replace=False)
        chosen = decide(scores, labels, reference)
        assert not chosen[reference].any()
        found[world] = (
            (chosen & ~tampered).sum() / max(1, chosen.sum()),
            chosen[tampered].mean(),
        )
    return found


def pooled(scores: np.ndarray, labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    p_values = conformal_p_values(scores, scores[reference])
    p_values[reference] = np.nan
    return flagged(q_values(p_values), RATE)


def with_storey(scores: np.ndarray, labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    p_values = conformal_p_values(scores, scores[reference])
    p_values[reference] = np.nan
    share = clean_share(p_values, 1 / (len(reference) + 1))
    return flagged(q_values(p_values, null_share=share), RATE)


def by_class(scores: np.ndarray, labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
    p_values = conformal_p_values_by_group(scores, labels, scores[reference], labels[reference])
    p_values[reference] = np.nan
    return flagged(q_values(p_values), RATE)


@pytest.mark.parametrize("decide", [pooled, with_storey, by_class])
def test_the_false_discovery_rate_is_kept(
    decide: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """The mean of 1,000 proportions in [0, 1]; fails by chance at most once in 10^6 runs.

    (Student's t of the mean against the rate; the seeds are fixed besides.) It has power, too: a
    rule that flags at twice the rate fails, and so does one that finds nothing.
    """
    found = realised(decide)
    assert stats.ttest_1samp(found[:, 0], RATE, alternative="greater").pvalue > 1e-6
    assert found[:, 1].mean() > 0.3


def test_the_simulation_would_notice() -> None:
    """A reference whose scores are lower than the honest ones' is caught by the same test."""

    def careless(scores: np.ndarray, labels: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return pooled(scores + 0.5 * ~np.isin(np.arange(len(scores)), reference), labels, reference)

    found = realised(careless)
    assert stats.ttest_1samp(found[:, 0], RATE, alternative="greater").pvalue < 1e-6


def test_the_null_of_one_p_value() -> None:
    """20,000 honest scores against 49 others each: P(p <= 0.1) is 0.1, and below it with ties.

    Fails by chance at most once in 10^6 runs.
    """
    random = np.random.default_rng(4)
    scores = random.standard_normal((20_000, 50))
    low, high = stats.binom.ppf([5e-7, 1 - 5e-7], 20_000, 0.1)
    small = sum(conformal_p_values(row[:1], row[1:])[0] <= 0.1 for row in scores)
    assert low <= small <= high
    rounded = np.round(scores)
    assert sum(conformal_p_values(row[:1], row[1:])[0] <= 0.1 for row in rounded) <= small


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: conformal_p_values([1.0], []), "at least one reference score; got none"),
        (lambda: conformal_p_values([[1.0]], [1.0]), r"scores of shape \(n,\); got shape \(1, 1\)"),
        (lambda: conformal_p_values_by_group([1.0], [0], [1.0], [1]), "at least one reference"),
        (lambda: conformal_p_values_by_group([1.0], [0, 1], [1.0], [1]), r"groups of shapes \(1,"),
        (lambda: clean_share([np.nan], 0.1), "at least one p-value; got none"),
        (lambda: smallest_reference(0.0), r"rate in \(0, 1\)"),
        (lambda: smallest_reference(0.1, 0.0), r"a share in \(0, 1\]; got 0.1 and 0"),
    ],
)
def test_bad_input(call: Callable[[], object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_scores_that_are_not_finite(value: float) -> None:
    for scores, reference in (([value], [1.0]), ([1.0], [value])):
        with pytest.raises(NotFiniteError, match="expected finite scores"):
            conformal_p_values(scores, reference)
