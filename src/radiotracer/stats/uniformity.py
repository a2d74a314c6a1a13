"""Whether the p-values of controls look as they should: uniform, or larger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special
from scipy.stats import kstwo

from radiotracer.errors import InputError
from radiotracer.stats.binomial import LN10
from radiotracer.stats.combine import require_log10_p

_MOST = 1 - 2.0**-50
"""Distances above this are 1 in float64, which is impossible and has no exact p-value; of three
p-values of 1e-17 the bound alone would say -2.6."""


@dataclass(frozen=True)
class Uniformity:
    """How far p-values of controls are from uniform ones.

    Args:
        count: How many there are.
        excess: D+ = max over x of (share of p-values <= x) - x, in [0, 1]: too many small ones.
        excess_log10_p: Evidence that the test which made them accuses too easily. P-values that
            are larger than uniform ones (discrete tests, bounds) only make it weaker.
        distance: D, the same in either direction.
        distance_log10_p: Evidence that they are not uniform. Discrete p-values are not, so it is
            a fair question for continuous statistics only.
    """

    count: int
    excess: float
    excess_log10_p: float
    distance: float
    distance_log10_p: float


def uniformity(log10_p: ArrayLike) -> Uniformity:
    """Kolmogorov-Smirnov tests of independent p-values against the uniform law.

    Exact for every count (Smirnov 1944; Simard and L'Ecuyer 2011). Where the exact p-value is 0 in
    float64, it is replaced by the bound of Dvoretzky, Kiefer and Wolfowitz (1956) with the constant
    of Massart (1990), which is never smaller.

    Args:
        log10_p: Shape (n,), n at least 1, finite and at most 0.

    Raises:
        InputError: There is none, one is positive, or there is more than one axis.
        NotFiniteError: One is NaN or infinite.
    """
    given = require_log10_p(log10_p)
    if given.ndim != 1:
        raise InputError(
            expected="p-values of shape (n,)",
            came=f"shape {given.shape}",
            do="pass one per control",
        )
    p, n = np.sort(10.0**given), given.size
    above = float(np.max(np.arange(1, n + 1) / n - p))
    below = float(np.max(p - np.arange(n) / n))
    excess, distance = max(above, 0.0), max(above, below)
    low, high = min(excess, _MOST), min(distance, _MOST)
    return Uniformity(
        count=n,
        excess=excess,
        excess_log10_p=_log10(special.smirnov(n, low), -2 * n * excess**2),
        distance=distance,
        distance_log10_p=_log10(kstwo.sf(high, n), np.log(2.0) - 2 * n * distance**2),
    )


def _log10(p: float, log_bound: float) -> float:
    """log10 p, or the bound where float64 has no number left for p."""
    return min(0.0, float(np.log10(p)) if p > 1e-290 else float(log_bound) / LN10)
