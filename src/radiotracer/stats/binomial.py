"""Sums of independent coins: equal rates, different rates, different weights; exact tails.

A coin i falls on 1 with probability ``rates[i]`` and then adds ``weights[i]`` to the sum T. Every
function here is about P(T >= t), in base-10 logarithms.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from radiotracer.errors import InputError

Reals = NDArray[np.float64]
Weights = NDArray[np.int64]

LN10 = math.log(10.0)

_RARE = 1e-290
"""Below this, float64 is close to its smallest numbers: logarithms take over."""

_STEEPEST = 2.0**60
"""Where the search for a tilt ends; any tilt gives a valid bound."""


def binomial_log10_p(successes: int, trials: int, rate: float) -> float:
    """Exact log10 P(X >= successes) for X ~ Binomial(trials, rate).

    Args:
        successes: In [0, trials].
        trials: At least 1.
        rate: Probability of one success under the null, in (0, 1).

    Raises:
        InputError: An argument is outside its range.
    """
    _require_counts(successes, trials)
    _require_rates(np.array([rate], dtype=np.float64))
    if successes == 0:
        return 0.0
    # P(X >= k) = I_q(k, n - k + 1), the regularised incomplete beta function.
    log_p = log_betainc(successes, trials - successes + 1, rate, 1.0 - rate)
    return min(0.0, float(log_p) / LN10)


def clopper_pearson(
    successes: int, trials: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """The interval of Clopper and Pearson (1934) for a rate: it covers at least `confidence`.

    Args:
        successes: In [0, trials].
        trials: At least 1.
        confidence: In (0, 1); half of the rest is on either side.

    Returns:
        (low, high) in [0, 1]; low is 0 without successes, high is 1 without failures.

    Raises:
        InputError: An argument is outside its range.
    """
    _require_counts(successes, trials)
    if not 0.0 < confidence < 1.0:
        raise InputError(
            expected="a confidence in (0, 1)", came=f"{confidence:g}", do="pass 0.95 for 95 %"
        )
    k, n, rest = successes, trials, (1.0 - confidence) / 2
    low = 0.0 if k == 0 else float(special.betaincinv(k, n - k + 1, rest))
    high = 1.0 if k == n else float(special.betainccinv(k + 1, n - k, rest))
    return low, high


def poisson_binomial_log10_p(successes: int, rates: ArrayLike) -> float:
    """Exact log10 P(X >= successes), X the number of successes in trials of different rates.

    Args:
        successes: In [0, n].
        rates: Each trial's probability of success under the null, in (0, 1), shape (n,).

    Raises:
        InputError: An argument is outside its range.
    """
    rates = np.asarray(rates, dtype=np.float64)
    _require_counts(successes, rates.size)
    return coins_log10_p(np.ones(rates.shape, dtype=np.int64), rates, successes)


def coins_log10_p(weights: Weights, rates: ArrayLike, at_least: int) -> float:
    """Exact log10 P(T >= at_least) for T = sum of independent weighted coins.

    The law of T is built coin by coin (n x sum(weights) / 2 steps), not under the rates given but
    under those tilted until `at_least` is what one expects; then nothing that matters underflows,
    and every term of the answer is positive: P(T >= t) = sum_{s >= t} Q(T = s) e^{-theta (s - t)}
    e^{K(theta) - theta t}, with Q the tilted law and K the cumulant generating function.

    Args:
        weights: Integers of at least 0, shape (n,).
        rates: In (0, 1), shape (n,) or one number for all.
        at_least: t, at most sum(weights).

    Raises:
        InputError: An argument is outside its range.
    """
    rates = _require_coins(np.asarray(weights, dtype=np.float64), rates, at_least)
    if at_least <= 0:
        return 0.0
    theta, log_bound = _tilt(np.asarray(weights, dtype=np.float64), rates, at_least)
    law = law_of_coins(weights, special.logit(rates) + theta * weights)
    tail = law[at_least:]
    below_bound = np.log(tail @ np.exp(-theta * np.arange(tail.size)))
    return min(0.0, float(log_bound + below_bound) / LN10)


def coins_log10_bound(weights: ArrayLike, rates: ArrayLike, at_least: float) -> float:
    """Chernoff's upper bound on log10 P(T >= at_least), for any number of coins at once.

    P(T >= t) <= min over theta >= 0 of e^{K(theta) - theta t} (Chernoff 1952), with the exact K.
    It is too large by about theta s sqrt(2 pi), where s is the standard deviation of T when tilted
    (Bahadur and Ranga Rao 1960): a factor of 8 where the truth is 1e-3, of 20 to 30 at 1e-30.

    Args:
        weights: Numbers of at least 0, not all of them 0, shape (n,).
        rates: In (0, 1), shape (n,) or one number for all.
        at_least: t, at most sum(weights).

    Raises:
        InputError: An argument is outside its range.
    """
    weights = np.asarray(weights, dtype=np.float64)
    rates = _require_coins(weights, rates, at_least)
    return min(0.0, _tilt(weights, rates, at_least)[1] / LN10)


def law_of_coins(weights: Weights, logits: Reals) -> Reals:
    """P(T = s) for s = 0..sum(weights), shape (sum(weights) + 1,), absolute underflow at 1e-308.

    Args:
        weights: Integers of at least 0, shape (n,).
        logits: log(rate / (1 - rate)), shape (n,).
    """
    reach = 0
    law = np.zeros(int(weights.sum()) + 1)
    law[0] = 1.0
    moved = np.empty_like(law)
    # Light coins first: what is reachable, and so the work, grows as slowly as it can.
    for each in np.argsort(weights, kind="stable"):
        weight = int(weights[each])
        now = law[: reach + 1]
        np.multiply(now, special.expit(logits[each]), out=moved[: reach + 1])
        now *= special.expit(-logits[each])
        law[weight : weight + reach + 1] += moved[: reach + 1]
        reach += weight
    return law


def log_betainc(a: ArrayLike, b: ArrayLike, x: ArrayLike, y: ArrayLike) -> Reals:
    """ln I_x(a, b), the regularised incomplete beta function, also where it is below 1e-308.

    There: ln I = a ln x + b ln y - ln a - ln B(a, b) + ln 2F1(a + b, 1; a + 1; x) (DLMF 8.17.8),
    whose series has positive terms that shrink from the first on, because such x are far below
    the mean a / (a + b).

    Args:
        a: Positive; `a`, `b`, `x` and `y` have shapes that broadcast to (...).
        b: Positive.
        x: In (0, 1].
        y: 1 - x, given apart because a difference from 1 loses digits.

    Returns:
        At most 0, shape (...).
    """
    shape = np.broadcast_shapes(*map(np.shape, (a, b, x, y)))
    each = [np.broadcast_to(np.asarray(v, dtype=np.float64), shape) for v in (a, b, x, y)]
    direct = np.where(
        each[2] < each[3],
        special.betainc(each[0], each[1], each[2]),
        special.betaincc(each[1], each[0], each[3]),
    )
    log = np.asarray(np.log(np.maximum(direct, _RARE)))
    rare = direct < _RARE
    if rare.any():
        log[rare] = _log_rare(*(v[rare] for v in each))
    return log


def _log_rare(a: Reals, b: Reals, x: Reals, y: Reals) -> Reals:
    """ln I_x(a, b) by its series, shape (n,)."""
    front = a * np.log(x) + b * np.log(y) - np.log(a) - special.betaln(a, b)
    term = total = np.ones_like(x)
    step = 0
    # Ratios of terms tend to x: the rest of the series is at most about term / (1 - x).
    while (term > 1e-17 * y * total).any():
        term = term * x * (a + b + step) / (a + 1.0 + step)
        total = total + term
        step += 1
    return np.asarray(front + np.log(total))


def _tilt(weights: Reals, rates: Reals, at_least: float) -> tuple[float, float]:
    """The theta >= 0 under which `at_least` is expected, and K(theta) - theta * at_least."""
    if at_least <= rates @ weights:
        return 0.0, 0.0
    # A power of two, so that scaling rounds nothing: the last sum must not be exceeded, not even
    # by one bit, because a steep tilt would turn that bit into evidence.
    scale = 2.0 ** math.frexp(float(weights.max()))[1]
    weights, at_least = weights / scale, at_least / scale
    total = float(weights.sum())
    logits = special.logit(rates)

    def missing(theta: float) -> float:
        return at_least - float((weights * special.expit(logits + theta * weights)).sum())

    steepest = 1.0
    while missing(steepest) > 0.0 and steepest < _STEEPEST:
        steepest *= 2.0
    theta = steepest
    if missing(steepest) < 0.0:
        theta = float(optimize.brentq(missing, 0.0, steepest, xtol=1e-12))
    # K(theta) - theta t, without the large numbers that would cancel.
    lost = np.logaddexp(np.log(rates), np.log1p(-rates) - theta * weights).sum()
    return theta / scale, float(lost) + theta * (total - at_least)


def _require_coins(weights: Reals, rates: ArrayLike, at_least: float) -> Reals:
    """The rates, one per weight; `InputError` unless all are in range."""
    rates = np.asarray(rates, dtype=np.float64)
    if weights.ndim != 1 or rates.shape not in ((), weights.shape):
        raise InputError(
            expected="weights of shape (n,) and rates of shape (n,), or one rate",
            came=f"shapes {weights.shape} and {rates.shape}",
            do="pass one weight and one rate per coin",
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights > 0).any()):
        raise InputError(
            expected="finite weights of at least 0, one of them positive",
            came="others",
            do="leave out pairs that cannot be compared",
        )
    if not at_least <= weights.sum():
        raise InputError(
            expected=f"a sum of at most {weights.sum():g}, which all coins together weigh",
            came=f"{at_least:g}",
            do="pass the sum that was observed",
        )
    _require_rates(rates)
    return np.broadcast_to(rates, weights.shape)


def _require_rates(rates: Reals) -> None:
    inside = (rates > 0.0) & (rates < 1.0)
    if not inside.all():
        raise InputError(
            expected="rates in (0, 1)",
            came=f"{rates[~inside].flat[0]:g}",
            do="leave out what is certain either way",
        )


def _require_counts(successes: int, trials: int) -> None:
    if trials < 1:
        raise InputError(expected="at least 1 trial", came=str(trials), do="pass what was tried")
    if not 0 <= successes <= trials:
        raise InputError(
            expected=f"successes in [0, {trials}]", came=str(successes), do="count them again"
        )
