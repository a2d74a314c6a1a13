"""False discovery control against examples that are known to be clean.

A conformal p-value counts how many of m reference scores are as high: valid for any score, however
it came about, if the clean examples among the tested ones and the reference are exchangeable: a
random sample of the clean examples is. The p-values of one reference depend on each other, but
positively so (PRDS), which is all that the procedure of Benjamini and Hochberg needs to keep the
false discovery rate: the expected share of clean examples among those flagged.

Source: Bates, Candes, Lei, Romano and Sesia, "Testing for outliers with conformal p-values", Annals
of Statistics 51 (2023). P-values here are plain float64: none is smaller than 1 / (m + 1).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control

from radiotracer.errors import InputError, NotFiniteError

_ROUNDING = 1e-12
"""Relative error of a product or quotient of a few floats."""

_MIDDLE = 0.5
"""lambda: from which p-value on examples count as clean where their share is estimated."""


def conformal_p_values(scores: ArrayLike, reference: ArrayLike) -> NDArray[np.float64]:
    """``(1 + #{reference >= score}) / (m + 1)``, shape (n,), in [1 / (m + 1), 1].

    P(p <= alpha) <= alpha for an clean example and every alpha, ties or not.

    Args:
        scores: Of the tested examples, shape (n,), higher = more suspicious.
        reference: Of m others that are clean, shape (m,), m at least 1.

    Raises:
        InputError: No reference, or more than one axis.
        NotFiniteError: A score is NaN or infinite.
    """
    scores, reference = _require_scores(scores), np.sort(_require_scores(reference))
    if not reference.size:
        raise InputError(
            expected="at least one reference score", came="none", do="review some examples"
        )
    as_high = reference.size - np.searchsorted(reference, scores, side="left")
    return np.asarray((1.0 + as_high) / (1.0 + reference.size))


def conformal_p_values_by_group(
    scores: ArrayLike, groups: ArrayLike, reference: ArrayLike, reference_groups: ArrayLike
) -> NDArray[np.float64]:
    """The same, each example against the reference of its own group alone, shape (n,).

    Class-conditional where groups are labels: valid within each group, however many of each were
    reviewed, and PRDS too, for p-values of different groups do not depend on each other.

    Args:
        scores: As for `conformal_p_values`, shape (n,).
        groups: Of the tested examples, shape (n,).
        reference: As for `conformal_p_values`, shape (m,).
        reference_groups: Of the reference, shape (m,).

    Raises:
        InputError: A tested example's group has no reference, or shapes do not fit.
        NotFiniteError: A score is NaN or infinite.
    """
    scores, reference = _require_scores(scores), _require_scores(reference)
    groups, reference_groups = np.asarray(groups), np.asarray(reference_groups)
    if groups.shape != scores.shape or reference_groups.shape != reference.shape:
        raise InputError(
            expected=f"groups of shapes {scores.shape} and {reference.shape}",
            came=f"{groups.shape} and {reference_groups.shape}",
            do="name the group of every score",
        )
    p_values = np.empty(scores.shape)
    for group in np.unique(groups):
        own = groups == group
        p_values[own] = conformal_p_values(scores[own], reference[reference_groups == group])
    return p_values


def q_values(p_values: ArrayLike, *, null_share: float = 1.0) -> NDArray[np.float64]:
    """The smallest false discovery rate at which each example is flagged, shape (n,), in [0, 1].

    The procedure of Benjamini and Hochberg (1995): flagging ``q <= rate`` keeps the rate for
    p-values that are independent or PRDS.

    Args:
        p_values: Shape (n,), in [0, 1]; NaN where an example is not tested, and its q-value is.
        null_share: An estimate of the share of clean examples among the tested ones, such as
            `clean_share`; 1 takes all for clean.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    tested = np.isfinite(p_values)
    found = np.full(p_values.shape, np.nan)
    if tested.any():
        found[tested] = np.minimum(null_share * false_discovery_control(p_values[tested]), 1.0)
    return found


def flagged(q_values: ArrayLike, rate: float) -> NDArray[np.bool_]:
    """``q <= rate`` but for rounding, which must not decide: bool, shape (n,); not where NaN."""
    return np.asarray(np.asarray(q_values, dtype=np.float64) <= rate * (1.0 + _ROUNDING))


def clean_share(p_values: ArrayLike, smallest: ArrayLike) -> float:
    """Storey's estimate of the share of clean examples among the tested ones, above 0.

    ``(1 + #{p >= lambda}) / (n (1 - lambda))`` with lambda = 1/2, rounded down to a multiple of the
    smallest p-value: with the 1 and this lambda, `q_values` with the estimate still keep the false
    discovery rate for conformal p-values. It can exceed 1, and is not cut off there.

    Source: Storey, Taylor and Siegmund (2004); for conformal p-values Bates et al. (2023) and
    Marandon, Lei, Mary and Roquain, "Adaptive novelty detection with false discovery rate
    guarantee", Annals of Statistics 52 (2024).

    Args:
        p_values: Conformal p-values, shape (n,); NaN where an example is not tested.
        smallest: The smallest that each could be, 1 / (m + 1), shape () or (n,).

    Raises:
        InputError: No example is tested.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    tested = np.isfinite(p_values)
    if not tested.any():
        raise InputError(expected="at least one p-value", came="none", do="test some examples")
    # Half of a whole number of steps: three quarters of a step below it lies no p-value.
    large = p_values > _MIDDLE - 0.75 * np.asarray(smallest)
    return float((1.0 + large[tested].sum()) / (tested.sum() * (1.0 - _MIDDLE)))


def smallest_reference(rate: float, share: float = 1.0) -> int:
    """How many reference examples are needed before this share of the tested ones can be flagged.

    The smallest m with ``1 / (m + 1) <= rate * share``: with fewer, even examples that score above
    the whole reference are not enough evidence. Everything (share 1) is the least one can ask for.

    Args:
        rate: The false discovery rate, in (0, 1).
        share: Examples that score above the whole reference over examples tested, in (0, 1].

    Raises:
        InputError: A rate or a share out of range.
    """
    if not (0.0 < rate < 1.0 and 0.0 < share <= 1.0):
        raise InputError(
            expected="a false discovery rate in (0, 1) and a share in (0, 1]",
            came=f"{rate:g} and {share:g}",
            do="pass, say, 0.05 and 0.01",
        )
    return math.ceil(1.0 / (rate * share) * (1.0 - _ROUNDING)) - 1


def _require_scores(scores: ArrayLike) -> NDArray[np.float64]:
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1:
        raise InputError(
            expected="scores of shape (n,)", came=f"shape {scores.shape}", do="pass one per example"
        )
    if not np.isfinite(scores).all():
        raise NotFiniteError(
            expected="finite scores", came="NaN or infinity", do="look for scores that overflow"
        )
    return scores
