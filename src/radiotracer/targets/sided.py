"""Opinions about yes or no, where a wrong yes and a wrong no need not be equally frequent.

Whoever names all labels of an example forgets some more often than they invent some. With one share
of wrong entries for both directions (`opinions/noise.py`), a fifth of all yeses that were forgotten
stays hidden behind the many noes that are right. So there are two rates here, fitted by maximum
likelihood together with what makes the models' opinion z (a difference of log probabilities, out
of fold) a probability:

    q = 1 / (1 + exp(-(s z + t)))          that it is a yes
    P(labelled yes) = (1 - b) q + a (1 - q)

a is the share of noes that are labelled yes, b of yeses that are labelled no: class-conditional
noise (Natarajan et al. 2013). s and t are Platt's (1999), fitted beside the noise and not before
it. Bayes' rule gives P(wrong | z, label). The share of wrong entries is the mean of a (1 - q) + b
q.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import chi2

from radiotracer.targets.smooth import Floats, least

BINS = 200
"""The likelihood is computed from so many groups of examples with nearly the same z."""

LEVEL = 0.95

MOST = 0.49
"""A rate: with half of the labels turned around, yes would mean no."""

_OUTSIDE = 1e4
_STARTS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Sided:
    """What was fitted.

    Args:
        share: Estimated share of wrong entries, in [0, 1).
        low: Lower end of its 95 % interval (profile likelihood).
        high: Upper end.
        invented: a, of the true noes.
        forgotten: b, of the true yeses.
        sharpness: s, above 0.
        shift: t.
        loss: Mean of -log P(label | z), in nats.
    """

    share: float
    low: float
    high: float
    invented: float
    forgotten: float
    sharpness: float
    shift: float
    loss: float

    def chance(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """q, any shape."""
        return np.asarray(expit(self.sharpness * z + self.shift))

    def wrong(
        self, z: NDArray[np.float64], labels: NDArray[np.integer], least: float = 0.0
    ) -> NDArray[np.float64]:
        """P(wrong), of the shape of `z` and `labels`.

        Args:
            z: Opinions.
            labels: 0 or 1.
            least: Rates are taken for at least this: for scores that must order entries even where
                no wrong one was found.
        """
        q = self.chance(z)
        a, b = max(self.invented, least), max(self.forgotten, least)
        yes = _share(a * (1.0 - q), (1.0 - b) * q)
        no = _share(b * q, (1.0 - a) * (1.0 - q))
        return np.asarray(np.where(labels == 1, yes, no))


def fit_sided(z: NDArray[np.float64], labels: NDArray[np.int64]) -> Sided:
    """The most likely rates.

    Args:
        z: Log odds of yes by models that never saw the label, shape (n,).
        labels: 0 or 1, both of them, shape (n,).
    """
    groups = np.array_split(np.argsort(z, kind="stable"), min(BINS, len(z)))
    size = np.array([len(each) for each in groups], dtype=np.float64)
    middle = np.array([z[each].mean() for each in groups])
    yes = np.array([labels[each].sum() for each in groups], dtype=np.float64)

    def rates(share: Floats, direction: Floats, mean: Floats) -> tuple[Floats, Floats]:
        a = share * direction / np.maximum(1.0 - mean, 1e-9)
        return a, share * (1.0 - direction) / np.maximum(mean, 1e-9)

    def loss(share: Floats, points: Floats) -> Floats:
        """Of p points, shape (p, 3 or more): direction, log sharpness, shift; shape (p,)."""
        q = expit(np.exp(points[:, 1:2]) * middle + points[:, 2:3])
        a, b = rates(share, expit(points[:, 0]), (q @ size) / size.sum())
        over = np.maximum(a - MOST, 0.0) + np.maximum(b - MOST, 0.0)
        a, b = np.minimum(a, MOST)[:, np.newaxis], np.minimum(b, MOST)[:, np.newaxis]
        said = np.clip((1.0 - b) * q + a * (1.0 - q), 1e-12, 1.0 - 1e-12)
        return np.asarray(_OUTSIDE * over - np.log(said) @ yes - np.log1p(-said) @ (size - yes))

    bounds = ((-6.0, 6.0), (-4.0, 4.0), (-6.0, 6.0))
    smallest, best = min(
        (
            least(
                lambda points: loss(MOST * expit(points[:, 3]), points),
                (_logit(start), 0.0, 0.0, -2.5),
                (*bounds, (-12.0, 12.0)),
            )
            for start in _STARTS
        ),
        key=lambda each: each[0],
    )
    share, direction = MOST * expit(best[3:4]), expit(best[:1])
    sharpness, shift = float(np.exp(best[1])), float(best[2])
    a, b = rates(share, direction, expit(sharpness * z + shift).mean())
    limit = smallest + float(chi2.ppf(LEVEL, 1)) / 2.0

    def beyond(share: float) -> float:
        """Minus the profile likelihood, less its limit."""
        starts = (best[:3], np.zeros(3))
        fixed = np.array([share])
        return (
            min(least(lambda points: loss(fixed, points), each, bounds)[0] for each in starts)
            - limit
        )

    here = float(share[0])
    low = 0.0 if beyond(0.0) <= 0.0 else brentq(beyond, 0.0, here, xtol=5e-4)
    high = MOST if beyond(MOST) <= 0.0 else brentq(beyond, here, MOST, xtol=5e-4)
    return Sided(
        here,
        float(low),
        float(high),
        min(float(a[0]), MOST),
        min(float(b[0]), MOST),
        sharpness,
        shift,
        smallest / len(z),
    )


def _logit(share: float) -> float:
    return float(np.log(share / (1.0 - share)))


def _share(part: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    total = part + rest
    return np.divide(part, total, out=np.zeros_like(total), where=total > 0.0)
