"""Many p-values: one for all of them together (Fisher), or one decision each (Holm)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from radiotracer.errors import InputError, NotFiniteError
from radiotracer.stats.binomial import LN10


def fisher(log10_p: ArrayLike) -> NDArray[np.float64]:
    """Combine independent p-values by Fisher's method (1925), without underflow.

    With h = -sum ln p of k uniform p-values, 2h is chi-squared with 2k degrees of freedom, whose
    tail is a Poisson sum: P = e^{-h} sum_{i<k} h^i / i!. Exact for uniform p-values, conservative
    for discrete ones. The p-values must be independent under the null.

    Args:
        log10_p: Shape (..., k), k at least 1, finite and at most 0.

    Returns:
        log10 of the combined p-values, shape (...), at most 0.

    Raises:
        InputError: There is none, or one is positive.
        NotFiniteError: One is NaN or infinite.
    """
    given = require_log10_p(log10_p)
    h = -LN10 * given.sum(axis=-1)
    i = np.arange(given.shape[-1])
    log_terms = special.xlogy(i, h[..., np.newaxis]) - special.gammaln(i + 1.0)
    log_p = -h + special.logsumexp(log_terms, axis=-1)
    return np.asarray(np.minimum(log_p / LN10, 0.0))


def holm(log10_p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values for the number of tests, by the step-down procedure of Holm (1979).

    Deciding by "adjusted <= alpha" errs on even one true null with probability at most alpha,
    however the tests depend on each other. Every test must be among them, failed ones too.

    Args:
        log10_p: Shape (m,), m at least 1, finite and at most 0.

    Returns:
        Adjusted log10 p-values in the order given, shape (m,): at least the ones given, at most 0,
        and in the same order of size.

    Raises:
        InputError: There is none, one is positive, or there is more than one axis.
        NotFiniteError: One is NaN or infinite.
    """
    given = require_log10_p(log10_p)
    if given.ndim != 1:
        raise InputError(
            expected="p-values of shape (m,)",
            came=f"shape {given.shape}",
            do="pass every test once",
        )
    order = np.argsort(given, kind="stable")
    still_open = np.arange(given.size, 0, -1)
    steps = np.maximum.accumulate(given[order] + np.log10(still_open))
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(steps, 0.0)
    return adjusted


def require_log10_p(log10_p: ArrayLike) -> NDArray[np.float64]:
    """The p-values, shape (..., k), as an array; `InputError` unless finite and at most 0."""
    given = np.asarray(log10_p, dtype=np.float64)
    if given.ndim == 0 or given.shape[-1] == 0:
        raise InputError(
            expected="at least one p-value on the last axis",
            came=f"shape {given.shape}",
            do="pass the log10 p-values of all tests",
        )
    if not np.isfinite(given).all():
        raise NotFiniteError(
            expected="finite log10 p-values",
            came="NaN or infinity",
            do="compute them in log space: no p-value is zero",
        )
    if (given > 0.0).any():
        raise InputError(
            expected="log10 of p-values, at most 0",
            came=f"{given.max():g}",
            do="pass logarithms, -4 for a p-value of 1e-4",
        )
    return given
