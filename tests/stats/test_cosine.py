"""The cosine with a random direction: golden values, exact integrals, its inverse, its null."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiotracer.errors import InputError
from radiotracer.stats import cosine_log10_p, cosine_needed

cosines = st.floats(-1, 1)
widths = st.integers(2, 3000)


@pytest.mark.parametrize(
    ("cosine", "dimensions", "p"),
    [
        (0.1, 512, 0.011753101770860912),
        (0.05, 512, 0.12914969430663092),
        (0.2, 512, 2.4968424564463324e-06),
        (0.3, 20, 0.0932057177292399),
        (0.5, 2, 1 / 3),
        (-0.5, 2, 2 / 3),
        (0.25, 3, 0.375),  # Archimedes: heights on a sphere are uniform
        (0.0, 7, 0.5),
    ],
)
def test_golden_values(cosine: float, dimensions: int, p: float) -> None:
    np.testing.assert_allclose(10 ** cosine_log10_p(cosine, dimensions), p, rtol=1e-12)


@pytest.mark.parametrize("cosine", [-0.9, -0.01, 0.001, 0.1, 0.5, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("dimensions", [3, 5, 65, 513])
def test_against_exact_integrals(cosine: float, dimensions: int) -> None:
    """For odd d the density (1 - t^2)^((d-3)/2) is a polynomial: fractions integrate it."""
    m, c = (dimensions - 3) // 2, Fraction(cosine)

    def integral_to(t: Fraction) -> Fraction:
        return sum(
            (Fraction((-1) ** j * math.comb(m, j), 2 * j + 1) * t ** (2 * j + 1))
            for j in range(m + 1)
        ) * Fraction(1)

    exact = (integral_to(Fraction(1)) - integral_to(c)) / (2 * integral_to(Fraction(1)))
    log10 = math.log10(exact.numerator) - math.log10(exact.denominator)
    np.testing.assert_allclose(cosine_log10_p(cosine, dimensions), log10, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("cosine", "dimensions"), [(0.12, 100_001), (0.3, 100_001), (0.9, 10_001), (0.9, 2_049)]
)
def test_far_below_the_smallest_float(cosine: float, dimensions: int) -> None:
    """The series of the incomplete beta function with 60 digits."""
    getcontext().prec = 60
    a = (dimensions - 1) // 2
    x = 1 - Decimal(cosine) ** 2
    beta = Decimal(2)  # B(1, 1/2), and B(a + 1, 1/2) = B(a, 1/2) a / (a + 1/2)
    for j in range(1, a):
        beta *= Decimal(2 * j) / Decimal(2 * j + 1)
    term = total = Decimal(1)
    step = 0
    while term > total * Decimal("1e-30"):
        term *= x * (2 * a + 1 + 2 * step) / (2 * a + 2 + 2 * step)
        total += term
        step += 1
    p = x**a * Decimal(cosine) * total / (2 * a * beta)
    found = float(cosine_log10_p(cosine, dimensions))
    assert found < -308
    assert found == pytest.approx(float(p.log10()), rel=1e-11)


def test_no_jump_where_logarithms_take_over() -> None:
    cosine = np.linspace(0.955, 0.97, 4001)
    log10_p = cosine_log10_p(cosine, 512)
    assert log10_p[0] > -290 > log10_p[-1]
    assert np.abs(np.diff(log10_p, 3)).max() < 1e-7 and (np.diff(log10_p) < 0).all()


def test_parallel_directions_are_finite_evidence() -> None:
    found = cosine_log10_p([1.0, 1.0 + 1e-12, 1.0 - 1e-15], 512)
    assert np.isfinite(found).all() and (found < -3000).all()
    assert found[0] == found[1] <= found[2]
    assert cosine_log10_p(-1.0, 512) == 0.0


@given(cosine=cosines, dimensions=widths)
def test_student_agrees(cosine: float, dimensions: int) -> None:
    if abs(cosine) > 0.999:
        return
    t = cosine * math.sqrt((dimensions - 1) / (1 - cosine**2))
    expected = stats.t.sf(t, dimensions - 1)
    if expected > 1e-290:
        np.testing.assert_allclose(
            cosine_log10_p(cosine, dimensions), np.log10(expected), rtol=1e-9, atol=1e-9
        )


@given(first=cosines, second=cosines, dimensions=widths)
def test_larger_cosines_are_rarer(first: float, second: float, dimensions: int) -> None:
    low, high = sorted([first, second])
    p = cosine_log10_p([low, high], dimensions)
    assert p[1] <= p[0] + 1e-12 and (p <= 0).all() and np.isfinite(p).all()
    both = 10 ** cosine_log10_p([low, -low], dimensions)
    assert both.sum() == pytest.approx(1.0, abs=1e-12)


@given(log10_p=st.floats(-2000, 0), dimensions=widths)
def test_the_cosine_needed(log10_p: float, dimensions: int) -> None:
    cosine = cosine_needed(log10_p, dimensions)
    if cosine < 1.0:
        assert cosine_log10_p(cosine, dimensions) <= log10_p
    if log10_p < -1e-9:
        assert cosine_log10_p(cosine - 1e-12, dimensions) >= log10_p - 1e-6 * abs(log10_p)
    shaped = cosine_needed(np.full((2, 3), log10_p), dimensions)
    assert shaped.shape == (2, 3) and (shaped == cosine).all()


def test_the_null() -> None:
    """2,000 random directions against one fixed; fails by chance once in 10^6 runs."""
    random = np.random.default_rng(1)
    directions = random.standard_normal((2000, 16))
    cosine = directions[:, 0] / np.linalg.norm(directions, axis=1)
    below = (10 ** cosine_log10_p(cosine, 16) <= 0.05).sum()
    low, high = stats.binom.ppf([5e-7, 1 - 5e-7], 2000, 0.05)
    assert low <= below <= high


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"expected cosines in \[-1, 1\]; got -1.1; divide"):
        cosine_log10_p([0.5, -1.1], 5)
    with pytest.raises(InputError, match="expected at least 2 dimensions; got 1"):
        cosine_log10_p(0.5, 1)
    with pytest.raises(InputError, match="expected cosines; got NaN"):
        cosine_log10_p([0.1, math.nan], 5)
    with pytest.raises(InputError, match="at most 0; got a positive number or NaN"):
        cosine_needed([-1.0, math.nan], 5)
    with pytest.raises(InputError, match="at least 2 dimensions"):
        cosine_needed(-1.0, 1)
