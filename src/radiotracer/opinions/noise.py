"""From opinions to probabilities: how sure the models may be, and how many labels are wrong.

Two numbers are fitted to the opinions by maximum likelihood, together: the temperature 1 / s by
which the models are too sure or not sure enough, and the share e of labels that say nothing about
their examples, because somebody put another class, any of the C - 1, in place of the right one:

    q = softmax(s z)                                       what the example is
    P(label y | x) = (1 - e) q_y + e (1 - q_y) / (C - 1)   what its label is

z are out-of-fold log probabilities, so no example speaks for its own label. The two are told apart
because they act on different labels: a model that is too sure is contradicted everywhere, wrong
labels contradict it just as often where it is right to be sure. By Bayes' rule

    P(wrong | x, y) = e (1 - q_y) / (C - 1) / P(label y | x)

which is in [0, 1], and falls with q_y. Temperature: Guo et al. 2017, arXiv:1706.04599; the share:
the symmetric noise of Natarajan et al. 2013. Differs from both in fitting them to one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit, log_softmax
from scipy.stats import chi2

MOST = 20_000
"""Examples that the two numbers are fitted to: more change neither by much."""

LEVEL = 0.95
"""Of the interval."""

_LARGEST = 0.9
_SHARPEST = 5.0


@dataclass(frozen=True)
class Noise:
    """What was fitted.

    Args:
        share: e, the estimated share of wrong labels, in [0, 1).
        low: Lower end of its 95 % interval (profile likelihood).
        high: Upper end.
        sharpness: s, one over the temperature, above 0.
        loss: Mean of -log P(label | x), in nats: how well the opinions tell the labels.
    """

    share: float
    low: float
    high: float
    sharpness: float
    loss: float

    def sharpened(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """log q, shape (..., C), from log probabilities."""
        found: NDArray[np.float64] = log_softmax(
            self.sharpness * outputs.astype(np.float64), axis=-1
        )
        return found


def fit_noise(outputs: NDArray[np.floating], labels: NDArray[np.int64], seed: int = 0) -> Noise:
    """The most likely temperature and share.

    Args:
        outputs: Out-of-fold log probabilities, shape (n, C).
        labels: Shape (n,).
        seed: Which `MOST` of more examples are looked at.
    """
    n, classes = outputs.shape
    if n > MOST:
        some = np.random.default_rng([seed, 22]).choice(n, MOST, replace=False)
        outputs, labels = outputs[some], labels[some]
        n = MOST
    said, rows = outputs.astype(np.float64), np.arange(n)

    def loss(sharpness: float, share: float) -> float:
        own = np.exp(log_softmax(sharpness * said, axis=1)[rows, labels])
        other = (1.0 - own) / (classes - 1)
        return float(-np.log(np.maximum((1.0 - share) * own + share * other, 1e-300)).sum())

    both = minimize(
        lambda point: loss(float(np.exp(point[0])), float(_LARGEST * expit(point[1]))),
        (0.0, -2.0),
        method="Nelder-Mead",
        bounds=((-_SHARPEST, _SHARPEST), (-12.0, 12.0)),
        options={"xatol": 1e-3, "fatol": 1e-3},
    )
    share, least = float(_LARGEST * expit(both.x[1])), float(both.fun)
    bound = least + float(chi2.ppf(LEVEL, 1)) / 2.0

    def at(share: float) -> float:
        """Minus the profile likelihood, which may have a second minimum for few examples."""
        near = float(both.x[0])
        return min(
            float(
                minimize_scalar(
                    lambda each: loss(np.exp(each), share),
                    bounds=bounds,
                    method="bounded",
                    options={"xatol": 1e-3},
                ).fun
            )
            for bounds in ((-_SHARPEST, _SHARPEST), (near - 1.0, near + 1.0))
        )

    def beyond(share: float) -> float:
        return at(share) - bound

    low = 0.0 if beyond(0.0) <= 0.0 else brentq(beyond, 0.0, share, xtol=1e-4)
    high = _LARGEST if beyond(_LARGEST) <= 0.0 else brentq(beyond, share, _LARGEST, xtol=1e-4)
    return Noise(share, float(low), float(high), float(np.exp(both.x[0])), least / n)


def wrongness(own: NDArray[np.floating], share: float, classes: int) -> NDArray[np.float64]:
    """P(wrong | x, y) from log q_y, any shape; `share` in [0, 1)."""
    right = np.exp(own.astype(np.float64))
    wrong = share * -np.expm1(np.minimum(own, 0.0).astype(np.float64)) / (classes - 1)
    total = (1.0 - share) * right + wrong
    return np.divide(wrong, total, out=np.zeros_like(total), where=total > 0.0)
