"""How many targets are wrong, and how likely each one is, from residuals alone: an estimate.

A right target lies around its prediction as most do; a wrong one is somebody else's, or anything:

    f(y | x) = (1 - e) T((y - mean(x)) / spread(x)) / spread(x) + e g(y)

T is Student's t with a scale of its own on each side of its middle: residuals of right targets may
be skewed and have heavy tails, which are not to be taken for mistakes. g is the density of all
targets, smoothed, and for a share r of it a Cauchy density that reaches beyond them all: points
that slipped, other units. Middle, scales, degrees of freedom, r and e are fitted together by
maximum likelihood, and Bayes' rule gives P(wrong | x, y). It is the model of `opinions/noise.py`
(another class in place of the right one) for numbers. What it cannot know is that T is right: e is
what the tails have more than any t explains. Where right targets themselves have heavy tails (4
degrees of freedom), lists that were to have 5 % right ones had 13 % in simulations; with lighter
tails, 4 to 7 %.

Sources: contamination by a wide component, Tukey 1960; t for heavy tails, Lange, Little and Taylor,
JASA 84 (1989); two scales, Fernandez and Steel, JASA 93 (1998).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, gammaln
from scipy.stats import chi2

from radiotracer.targets.smooth import Floats, least

MOST = 4_000
"""Examples that the numbers are fitted to: more change none of them by much."""

LEVEL = 0.95

REACH = 4.0
"""Scale of the Cauchy density, in that of the targets: most of it lies beyond most of them."""

_LARGEST = 0.5
_FREEDOM = (1.5, 100.0)


@dataclass(frozen=True)
class Mixture:
    """What was fitted.

    Args:
        share: e, in [0, 0.5).
        low: Lower end of its 95 % interval (profile likelihood).
        high: Upper end.
        middle: Of scaled residuals of right targets.
        below: Their scale below the middle, above 0.
        above: Their scale above it.
        freedom: Degrees of freedom: small where their tails are heavy.
        reach: r.
        wrong: P(wrong), shape (n,).
    """

    share: float
    low: float
    high: float
    middle: float
    below: float
    above: float
    freedom: float
    reach: float
    wrong: Floats = field(repr=False)


def fit_mixture(targets: Floats, mean: Floats, spread: Floats, seed: int = 0) -> Mixture:
    """The most likely share of wrong targets, and P(wrong) of each.

    Args:
        targets: Shape (n,).
        mean: Predicted by models that did not see them, shape (n,).
        spread: Above 0, shape (n,).
        seed: Which `MOST` of more examples are looked at.
    """
    scaled = (targets - mean) / spread
    # Both densities are of scaled residuals.
    other, anything = _densities(targets, seed) * spread
    n = len(targets)
    some = np.arange(n)
    if n > MOST:
        some = np.random.default_rng([seed, 23]).choice(n, MOST, replace=False)
    here = scaled[some]

    def wrong_density(point: Floats, rows: NDArray[np.int64] | slice) -> Floats:
        reach = expit(point[..., 4:5])
        return np.asarray((1.0 - reach) * other[rows] + reach * anything[rows])

    def loss(share: Floats, points: Floats) -> Floats:
        """Of p points, shape (p, 5 or more); shape (p,)."""
        points = points * sizes[: points.shape[1]]
        part = share[:, np.newaxis]
        mixed = (1.0 - part) * np.exp(_log_t(here, points)) + part * wrong_density(points, some)
        return np.asarray(-np.log(np.maximum(mixed, 1e-300)).sum(axis=1))

    low, middle, high = np.quantile(scaled, (0.16, 0.5, 0.84))
    size = max(high - low, 1e-9)
    sizes = np.array([size, 1.0, 1.0, 1.0, 1.0, 1.0])
    begin = (
        middle / size,
        float(np.log(max(middle - low, 0.05 * size))),
        float(np.log(max(high - middle, 0.05 * size))),
        float(np.log(6.0)),
        -1.0,
    )
    bounds = (
        (-5.0, 5.0),
        (-12.0, 12.0),
        (-12.0, 12.0),
        tuple(np.log(_FREEDOM)),
        (-4.0, 4.0),
    )

    smallest, best = min(
        (
            least(
                lambda points: loss(_LARGEST * expit(points[:, 5]), points),
                (*begin, first),
                (*bounds, (-12.0, 12.0)),
            )
            for first in (-4.0, -1.5)
        ),
        key=lambda each: each[0],
    )
    share = float(_LARGEST * expit(best[5]))
    limit = smallest + float(chi2.ppf(LEVEL, 1)) / 2.0

    def beyond(share: float) -> float:
        """Minus the profile likelihood, less its limit."""
        fixed = np.array([share])
        starts = (best[:5], np.array(begin))
        return (
            min(least(lambda points: loss(fixed, points), each, bounds)[0] for each in starts)
            - limit
        )

    lowest = 0.0 if beyond(0.0) <= 0.0 else brentq(beyond, 0.0, share, xtol=1e-3)
    highest = _LARGEST if beyond(_LARGEST) <= 0.0 else brentq(beyond, share, _LARGEST, xtol=1e-3)
    point = best[:5] * sizes[:5]
    right = (1.0 - share) * np.exp(_log_t(scaled, point))
    wrong = share * wrong_density(point, slice(None))
    total = np.maximum(right + wrong, 1e-300)
    return Mixture(
        share,
        float(lowest),
        float(highest),
        float(point[0]),
        float(np.exp(point[1])),
        float(np.exp(point[2])),
        float(np.exp(point[3])),
        float(expit(point[4])),
        np.asarray(wrong / total),
    )


def _log_t(scaled: Floats, point: Floats) -> Floats:
    """Log density of a t with a scale on each side, shape (..., n), at points (..., 4 or more)."""
    middle, below, above = point[..., 0:1], np.exp(point[..., 1:2]), np.exp(point[..., 2:3])
    nu = np.exp(point[..., 3:4])
    away = scaled - middle
    away = np.where(away < 0.0, away / below, away / above)
    norm = gammaln((nu + 1.0) / 2.0) - gammaln(nu / 2.0) - 0.5 * np.log(nu * np.pi)
    norm -= np.log((below + above) / 2.0)
    return np.asarray(norm - (nu + 1.0) / 2.0 * np.log1p(away**2 / nu))


def _densities(targets: Floats, seed: int) -> Floats:
    """At each of the targets, shape (2, n): a kernel estimate from some of them, and the reach."""
    centre = float(np.median(targets))
    low, high = np.quantile(targets, (0.25, 0.75))
    scale = float(high - low) / 1.349 or float(targets.std()) or 1.0
    some = targets
    if len(some) > 1000:
        some = np.random.default_rng([seed, 24]).choice(targets, 1000, replace=False)
    width = 0.9 * scale * len(some) ** -0.2
    inner = np.zeros(len(targets))
    for start in range(0, len(targets), 2048):
        part = targets[start : start + 2048, np.newaxis]
        kernel = np.exp(-0.5 * ((part - some) / width) ** 2)
        inner[start : start + 2048] = kernel.mean(axis=1)
    inner /= width * np.sqrt(2.0 * np.pi)
    wide = REACH * scale
    outer = 1.0 / (np.pi * wide * (1.0 + ((targets - centre) / wide) ** 2))
    return np.stack([inner, outer])
