"""The cosine of any fixed direction with a secret, uniformly random one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiotracer.errors import InputError, NotFiniteError
from radiotracer.stats.binomial import LN10, log_betainc

_ROUNDING = 1e-9
"""How far outside [-1, 1] rounding may have carried a cosine."""


def cosine_log10_p(cosine: ArrayLike, dimensions: int) -> NDArray[np.float64]:
    """Exact log10 P(C >= cosine), C the cosine with a direction uniform on the sphere.

    One-sided: 1/2 at cosine 0, small for cosines near 1, near 1 for negative ones. C^2 has a Beta
    law, so P(C >= c) = I_{1-c^2}((d-1)/2, 1/2) / 2 for c >= 0, and 1 - P(C >= -c) below
    (Sablayrolles, Douze, Schmid and Jegou 2020; the same as Student's t test of a correlation).
    It holds for every direction that was fixed independently of the random one.

    Args:
        cosine: Shape (...), in [-1, 1]. A cosine of 1 counts as one rounding error below 1, so
            that the result stays finite.
        dimensions: d, at least 2.

    Returns:
        Shape (...), at most 0.

    Raises:
        InputError: A cosine outside [-1, 1] by more than rounding, or fewer than 2 dimensions.
        NotFiniteError: A cosine is NaN.
    """
    _require_dimensions(dimensions)
    cosine = np.asarray(cosine, dtype=np.float64)
    if np.isnan(cosine).any():
        raise NotFiniteError(expected="cosines", came="NaN", do="look for rows of zeros")
    if (np.abs(cosine) > 1.0 + _ROUNDING).any():
        raise InputError(
            expected="cosines in [-1, 1]",
            came=f"{cosine.flat[np.argmax(np.abs(cosine))]:g}",
            do="divide both directions by their norms",
        )
    size = np.minimum(np.abs(cosine), 1.0)
    square_sine = np.maximum((1.0 - size) * (1.0 + size), np.finfo(np.float64).eps)
    log_upper = log_betainc((dimensions - 1) / 2, 0.5, square_sine, size**2) - np.log(2.0)
    # Half of a probability is at most 1/2, so the complement loses no digits.
    log_p = np.where(cosine >= 0.0, log_upper, np.log1p(-np.exp(log_upper)))
    return np.asarray(np.minimum(log_p / LN10, 0.0))


def cosine_needed(log10_p: ArrayLike, dimensions: int) -> NDArray[np.float64]:
    """The smallest cosine whose p-value is at most the one given: the inverse, for power analysis.

    Args:
        log10_p: Shape (...), at most 0.
        dimensions: d, at least 2.

    Returns:
        Shape (...), in [-1, 1]; by bisection, to 1e-15. It is 1 where even that is not enough.

    Raises:
        InputError: A positive or NaN `log10_p`, or fewer than 2 dimensions.
    """
    _require_dimensions(dimensions)
    log10_p = np.asarray(log10_p, dtype=np.float64)
    if not (log10_p <= 0.0).all():
        raise InputError(
            expected="log10 of p-values, at most 0",
            came="a positive number or NaN",
            do="pass -4 for a p-value of 1e-4",
        )
    low, high = np.full(log10_p.shape, -1.0), np.full(log10_p.shape, 1.0)
    for _ in range(52):
        middle = (low + high) / 2
        enough = cosine_log10_p(middle, dimensions) <= log10_p
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high


def _require_dimensions(dimensions: int) -> None:
    if dimensions < 2:
        raise InputError(
            expected="at least 2 dimensions", came=str(dimensions), do="use wider features"
        )
