"""Paired differences whose signs a secret fair coin decided: the exact sign-flip test.

Of two twins of every image a coin published one. The difference of a score between the published
and the sealed twin is the same number with the other sign had the coin fallen otherwise. So for
any score of a model that never saw the marked data, given all magnitudes, the signs are
independent fair coins, and every weight that depends on the magnitudes alone makes an exact test.

The statistic is the sum of the weights, each with its difference's sign. A difference of zero
says nothing either way and gets no weight. Three ways to weigh:

- ``ranks`` (the default): the signed-rank test of Wilcoxon (1945), ties with their mean rank. It
  uses large differences more than small ones and cannot be ruled by a few.
- ``magnitudes``: the magnitudes themselves, cut off at their 95th percentile: more power where
  only the largest differences carry the mark.
- ``signs``: the sign test; only how often the published twin won counts.

Choose before looking: the best of three p-values is not a p-value. n pairs cannot show less than
2^-n, so log10 p = -30 needs 100 of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from radiotracer.errors import InputError, NotFiniteError
from radiotracer.stats.binomial import (
    Weights,
    coins_log10_bound,
    coins_log10_p,
    law_of_coins,
)

Weighting = Literal["ranks", "magnitudes", "signs"]
"""What a pair counts for; see the top of this file."""

LEVELS = 1000
"""Different weights at most: to 1,000 pairs the ranks are Wilcoxon's own, beyond they are binned.
Binned ranks are exact too, and the work grows with pairs x pairs x levels."""

_CUT = 0.95
"""Quantile of the magnitudes above which weights grow no further."""

_ENUMERATED = 20
"""To how many pairs all 2^n signs are tried."""


@dataclass(frozen=True)
class SignFlip:
    """What the test found.

    Args:
        log10_p: One-sided; small when published twins have the larger scores.
        exact: Whether `log10_p` is the null probability itself; otherwise it is an upper bound.
        statistic: Sum of the signed weights.
        largest: The statistic had every sign been positive; statistic / largest is an effect size
            in [-1, 1].
        pairs: How many differences were given.
        zeros: How many of them were zero.
    """

    log10_p: float
    exact: bool
    statistic: float
    largest: float
    pairs: int
    zeros: int


def signflip(
    differences: ArrayLike, *, weighting: Weighting = "ranks", levels: int = LEVELS
) -> SignFlip:
    """Exact sign-flip test of n paired differences.

    Args:
        differences: Score of the published twin less that of the sealed one, higher scores being
            what training on an example leads to; shape (n,), finite.
        weighting: What a pair counts for, decided beforehand.
        levels: How many different weights at most.

    Raises:
        InputError: No pair, more than one axis, an unknown weighting, or no level.
        NotFiniteError: A difference is NaN or infinite.
    """
    differences = _require_pairs(differences)
    weights = _weights(np.abs(differences), weighting, levels)
    total, won = int(weights.sum()), int(weights[differences > 0].sum())
    return SignFlip(
        log10_p=coins_log10_p(weights, 0.5, won) if total else 0.0,
        exact=True,
        statistic=2 * won - total,
        largest=total,
        pairs=differences.size,
        zeros=int((differences == 0).sum()),
    )


def signflip_control(
    differences: ArrayLike,
    flips: ArrayLike,
    *,
    weighting: Weighting = "ranks",
    levels: int = LEVELS,
) -> NDArray[np.float64]:
    """The test under k other keys, as a control: the null law is computed once for all of them.

    Args:
        differences: As for `signflip`, shape (n,).
        flips: True where another key's coin differs from the one that decided, shape (k, n).
        weighting: As for `signflip`.
        levels: As for `signflip`.

    Returns:
        log10 p-values, shape (k,); exact above 1e-290, never smaller than that.

    Raises:
        InputError: As for `signflip`, or shapes that do not fit.
        NotFiniteError: A difference is NaN or infinite.
    """
    differences, flips = _require_pairs(differences), np.asarray(flips, dtype=np.bool_)
    if flips.ndim != 2 or flips.shape[1] != differences.size:
        raise InputError(
            expected=f"flips of shape (k, {differences.size})",
            came=f"shape {flips.shape}",
            do="draw one coin per key and pair",
        )
    weights = _weights(np.abs(differences), weighting, levels)
    if not weights.any():
        return np.zeros(len(flips))
    law = law_of_coins(weights, np.zeros(weights.size))
    at_least = np.cumsum(law[::-1])[::-1]
    won = np.where((differences > 0) != flips, weights, 0).sum(axis=1)
    # Where probabilities of one sum are about to underflow, the larger number is the right one.
    return np.asarray(np.log10(np.clip(at_least[won], 1e-290, 1.0)))


def signflip_sum(differences: ArrayLike) -> SignFlip:
    """Sign-flip test of the plain sum of differences, which one large difference may rule.

    All 2^n signs are tried to 20 pairs other than zero; beyond, `log10_p` is Chernoff's upper
    bound with the exact cumulant generating function, sum of ln cosh(theta |d|): valid for every
    n, and too large by a factor of about 8 at 1e-3 and 20 to 30 at 1e-30.

    Args:
        differences: As for `signflip`.

    Raises:
        InputError: No pair, or more than one axis.
        NotFiniteError: A difference is NaN or infinite.
    """
    differences = _require_pairs(differences)
    magnitudes = np.abs(differences[differences != 0])
    total, won = float(magnitudes.sum()), float(differences[differences > 0].sum())
    exact = magnitudes.size <= _ENUMERATED
    if not magnitudes.size:
        log10_p = 0.0
    elif exact:
        sums = np.zeros(1)
        for each in magnitudes:
            sums = np.concatenate([sums, sums + each])
        # Sums that are equal but for rounding count as reached.
        log10_p = float(np.log10(np.mean(sums >= won - 1e-12 * total)))
    else:
        log10_p = coins_log10_bound(magnitudes, 0.5, min(won, total))
    return SignFlip(
        log10_p=log10_p,
        exact=exact,
        statistic=float(differences.sum()),
        largest=total,
        pairs=differences.size,
        zeros=differences.size - magnitudes.size,
    )


def _weights(magnitudes: NDArray[np.float64], weighting: Weighting, levels: int) -> Weights:
    """Integer weights, shape (n,), from the magnitudes alone; 0 for magnitudes of 0."""
    if levels < 1:
        raise InputError(expected="at least 1 level", came=str(levels), do="leave out levels")
    weights = np.zeros(magnitudes.shape, dtype=np.int64)
    some = magnitudes > 0
    positive = magnitudes[some]
    if not positive.size:
        return weights
    match weighting:
        case "signs":
            weights[some] = 1
        case "ranks":
            ranks = rankdata(positive)  # mean ranks, so halves at ties
            if positive.size > levels:
                ranks = np.ceil(ranks * (levels / positive.size))
            weights[some] = (2 * ranks).astype(np.int64)
        case "magnitudes":
            cut = np.quantile(positive, _CUT)
            weights[some] = np.ceil(np.minimum(positive, cut) / cut * levels).astype(np.int64)
        case _:
            raise InputError(
                expected="a weighting: ranks, magnitudes or signs",
                came=str(weighting),
                do="pass ranks",
            )
    return np.asarray(weights // np.gcd.reduce(weights))


def _require_pairs(differences: ArrayLike) -> NDArray[np.float64]:
    differences = np.asarray(differences, dtype=np.float64)
    if differences.ndim != 1 or not differences.size:
        raise InputError(
            expected="differences of shape (n,), n at least 1",
            came=f"shape {differences.shape}",
            do="pass one difference per pair of twins",
        )
    if not np.isfinite(differences).all():
        raise NotFiniteError(
            expected="finite differences",
            came="NaN or infinity",
            do="look for scores that overflow, and leave such pairs out for both twins",
        )
    return differences
