"""The sign-flip test: all 2^n signs, Wilcoxon's table, partitions, ties, zeros, and its null."""

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
from radiotracer.stats import Weighting, signflip, signflip_control, signflip_sum

WEIGHTINGS: list[Weighting] = ["ranks", "magnitudes", "signs"]
tied = st.lists(st.integers(-4, 4), min_size=1, max_size=10).map(lambda v: np.array(v) / 4)
real = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40).map(np.array)
weightings = st.sampled_from(WEIGHTINGS)


def enumerated(magnitudes: np.ndarray, observed: float) -> float:
    """Share of all signs whose signed sum is at least the one observed."""
    sums = [magnitudes @ s for s in itertools.product([-1, 1], repeat=len(magnitudes))]
    return float(np.log10(np.mean(np.array(sums) >= observed - 1e-9)))


@given(differences=tied)
def test_all_signs_of_tied_ranks(differences: np.ndarray) -> None:
    some = differences[differences != 0]
    found = signflip(differences)
    assert (found.pairs, found.zeros) == (len(differences), len(differences) - len(some))
    ranks = stats.rankdata(abs(some))
    expected = enumerated(ranks, ranks @ np.sign(some)) if len(some) else 0.0
    assert found.exact and found.log10_p == pytest.approx(expected, abs=1e-12)
    # Up to one common factor the statistic is Wilcoxon's.
    if len(some):
        assert found.statistic / found.largest == pytest.approx(ranks @ np.sign(some) / ranks.sum())


@given(differences=tied)
def test_all_signs_of_the_sum(differences: np.ndarray) -> None:
    found = signflip_sum(differences)
    assert found.exact
    assert found.log10_p == pytest.approx(
        enumerated(abs(differences), differences.sum()), abs=1e-12
    )
    assert found.statistic == differences.sum() and found.largest == abs(differences).sum()


@pytest.mark.parametrize("n", [5, 12, 40])
def test_wilcoxon_agrees(n: int) -> None:
    differences = np.random.default_rng(n).standard_normal(n) + 0.3
    expected = stats.wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert 10 ** signflip(differences).log10_p == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [10, 100, 600, 1000])
def test_the_far_end_counts_partitions(n: int) -> None:
    """Losing rank sums of at most 10 can be chosen in 43 ways: partitions into distinct parts."""
    differences = np.arange(1.0, n + 1)
    assert signflip(differences).log10_p == pytest.approx(-n * math.log10(2), rel=1e-12)
    differences[9] *= -1  # the pair of rank 10
    ways = 43
    assert signflip(differences).log10_p == pytest.approx(
        math.log10(ways) - n * math.log10(2), rel=1e-12
    )


@pytest.mark.parametrize("lost", [300, 2000, 5000])
def test_whole_numbers_count_the_signs(lost: int) -> None:
    """n = 160, all subsets counted in Python's integers; to 1e-40 and beyond."""
    n = 160
    ways = [1] + [0] * lost
    for rank in range(1, n + 1):
        for total in range(lost, rank - 1, -1):
            ways[total] += ways[total - rank]
    differences = np.arange(1.0, n + 1)
    left = lost
    for rank in range(n, 0, -1):
        if rank <= left:
            differences[rank - 1] *= -1
            left -= rank
    assert left == 0
    p = Fraction(sum(ways), 2**n)
    expected = math.log10(p.numerator) - math.log10(p.denominator)
    assert signflip(differences).log10_p == pytest.approx(expected, rel=1e-12)


def test_five_thousand_pairs() -> None:
    """The sign test is the binomial; few levels make the binned ranks quick, and still exact."""
    random = np.random.default_rng(0)
    differences = random.standard_normal(5000) + 0.5
    wins = int((differences > 0).sum())
    signs = signflip(differences, weighting="signs").log10_p
    exact = Fraction(sum(math.comb(5000, k) for k in range(wins, 5001)), 2**5000)
    assert signs == pytest.approx(
        math.log10(exact.numerator) - math.log10(exact.denominator), rel=1e-11
    )
    binned = signflip(differences, levels=100).log10_p
    assert -400 < binned < signs < -100  # ranks use more than signs do
    all_won = signflip(abs(differences), levels=20).log10_p
    assert all_won == pytest.approx(-5000 * math.log10(2), rel=1e-12)


def test_binned_ranks_are_almost_wilcoxons() -> None:
    differences = np.random.default_rng(1).standard_normal(300) + 0.3
    exact = signflip(differences).log10_p
    assert signflip(differences, levels=60).log10_p == pytest.approx(exact, rel=0.03)
    assert signflip(differences, levels=300) == signflip(differences)
    assert signflip(differences, levels=1).log10_p == pytest.approx(
        signflip(differences, weighting="signs").log10_p
    )


def test_one_outlier_does_not_rule() -> None:
    """One pair in 200 lost by a million: the sum sees nothing, ranks and cut magnitudes do."""
    differences = np.random.default_rng(4).standard_normal(200) + 1.0
    differences[0] = -1e6
    assert signflip(differences).log10_p < -15
    assert signflip(differences, weighting="magnitudes").log10_p < -15
    assert signflip_sum(differences).log10_p > -0.31


@pytest.mark.parametrize("n", [30, 200])
def test_the_sum_beyond_enumeration_is_bounded(n: int) -> None:
    """Chernoff's bound of whole-numbered differences against the exact law of their sum."""
    differences = np.random.default_rng(n).integers(1, 50, n).astype(float)
    differences[: n // 5] *= -1
    bound = signflip_sum(differences)
    assert not bound.exact
    # With as many levels as the cut has units, magnitudes below it keep their values.
    cut = np.where(abs(differences) > 49, 49, abs(differences))
    counts = {0: 1}
    for each in cut.astype(int).tolist():
        counts = {
            total: counts.get(total, 0) + counts.get(total - each, 0)
            for total in {*counts, *(total + each for total in counts)}
        }
    won = int(differences[differences > 0].sum())
    exact = Fraction(sum(c for total, c in counts.items() if total >= won), 2**n)
    truth = math.log10(exact.numerator) - math.log10(exact.denominator)
    assert truth < bound.log10_p < truth + 2


def test_sums_that_differ_by_rounding_are_ties() -> None:
    """0.1 + 0.2 is more than 0.3 to a computer; 5 of the 8 sums reach it."""
    assert 10 ** signflip_sum([0.1, 0.2, -0.3]).log10_p == pytest.approx(5 / 8)


def test_nothing_but_zeros() -> None:
    for found in (signflip(np.zeros(3)), signflip_sum(np.zeros(3))):
        assert (found.log10_p, found.zeros, found.largest) == (0.0, 3, 0)
    np.testing.assert_array_equal(signflip_control(np.zeros(3), np.ones((2, 3))), [0.0, 0.0])


@given(differences=real, weighting=weightings, seed=st.integers(0, 99))
def test_properties(differences: np.ndarray, weighting: Weighting, seed: int) -> None:
    found = signflip(differences, weighting=weighting)
    nonzero = len(differences) - found.zeros
    # No evidence beyond the one outcome in 2^n; no probability above 1.
    assert -nonzero * math.log10(2) - 1e-9 <= found.log10_p <= 0.0
    assert abs(found.statistic) <= found.largest
    shuffled = np.random.default_rng(seed).permutation(differences)
    assert signflip(shuffled, weighting=weighting).log10_p == pytest.approx(
        found.log10_p, abs=1e-10
    )
    # A lost pair that is won instead can only add to the evidence.
    won = differences.copy()
    won[0] = abs(won[0])
    assert signflip(won, weighting=weighting).log10_p <= found.log10_p + 1e-10
    # Either the published twins win or the sealed ones.
    other = signflip(-differences, weighting=weighting).log10_p
    assert 10**found.log10_p + 10**other >= 1 - 1e-9
    total = signflip_sum(differences).log10_p
    assert -nonzero * math.log10(2) - 1e-9 <= total <= 0.0
    if weighting != "magnitudes":
        # Powers of two scale floats without rounding.
        assert signflip(differences * 2.0, weighting=weighting) == found


@given(differences=real, weighting=weightings, data=st.data())
def test_the_control_is_the_test(
    differences: np.ndarray, weighting: Weighting, data: st.DataObject
) -> None:
    flips = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(differences), max_size=len(differences)))
    )
    both = signflip_control(
        differences, np.stack([flips, np.zeros_like(flips)]), weighting=weighting
    )
    flipped = np.where(flips, -differences, differences)
    expected = [signflip(each, weighting=weighting).log10_p for each in (flipped, differences)]
    np.testing.assert_allclose(both, expected, atol=1e-10)


def test_the_control_never_claims_too_much() -> None:
    differences = np.ones(1500)
    found = signflip_control(differences, np.zeros((1, 1500)))
    assert found == pytest.approx(-290) and found[0] > signflip(differences).log10_p


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_the_null(weighting: Weighting) -> None:
    """Fair signs on skewed, tied and zero magnitudes, 2,000 times, and at three levels: not more
    small p-values than the level (fails by chance at most 3 times in 10^6 runs), and for ranks,
    which have many values, not many fewer either.
    """
    random = np.random.default_rng(7)
    magnitudes = np.concatenate([np.exp(3 * random.standard_normal(30)), [2.0] * 8, [0.0] * 4])
    flips = random.random((2000, magnitudes.size)) < 0.5
    p = 10 ** signflip_control(magnitudes, flips, weighting=weighting)
    for level in (0.5, 0.05, 0.01):
        assert (p <= level).sum() <= stats.binom.ppf(1 - 1e-6, 2000, level)
    if weighting == "ranks":
        assert (p <= 0.05).sum() >= stats.binom.ppf(1e-6, 2000, 0.048)


def test_the_null_of_the_sum() -> None:
    """2,000 draws of 12 pairs (exact) and of 40 (bound); fails by chance twice in 10^6 runs."""
    random = np.random.default_rng(8)
    for n in (12, 40):
        magnitudes = np.exp(random.standard_normal(n))
        draws = magnitudes * random.choice([-1.0, 1.0], (2000, n))
        below = sum(10 ** signflip_sum(each).log10_p <= 0.05 for each in draws)
        assert below <= stats.binom.ppf(1 - 1e-6, 2000, 0.05)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: signflip([]), r"differences of shape \(n,\)"),
        (lambda: signflip([[1.0]]), r"got shape \(1, 1\)"),
        (lambda: signflip([1.0, math.nan]), "finite differences; got NaN or infinity"),
        (lambda: signflip_sum([math.inf]), "finite differences"),
        (lambda: signflip([1.0], weighting="best"), "ranks, magnitudes or signs; got best"),
        (lambda: signflip([1.0], levels=0), "at least 1 level; got 0"),
        (lambda: signflip_control([1.0, 2.0], [[True]]), r"flips of shape \(k, 2\)"),
    ],
)
def test_bad_input(call: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()  # type: ignore[operator]
