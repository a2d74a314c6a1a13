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
from scipy.optimize import brentq, minimize_scalar
from scipy.special import log_softmax
from scipy.stats import chi2

MOST = 20_000
"""Examples that the two numbers are fitted to: more change neither by much."""

LEVEL = 0.95
"""Of the interval."""

_STEP = 0.125
_SHARPNESS = np.arange(-2.5, 4.0 + _STEP, _STEP)
_SHARES = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)
_TINY = 1e-300


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
    n = len(labels)
    if n > MOST:
        some = np.random.default_rng([seed, 22]).choice(n, MOST, replace=False)
        outputs, labels = outputs[some], labels[some]
        n = MOST
    profile = _Profile(outputs, labels)
    start = int(np.argmin([profile(share)[0] for share in _SHARES]))
    around = (_SHARES[max(start - 1, 0)], _SHARES[min(start + 1, len(_SHARES) - 1)])
    found = minimize_scalar(
        lambda share: profile(share)[0], bounds=around, method="bounded", options={"xatol": 1e-4}
    )
    share = min(float(found.x), 0.0, key=lambda each: profile(each)[0])
    least, sharpness = profile(share)
    bound = least + float(chi2.ppf(LEVEL, 1)) / 2.0

    def beyond(share: float) -> float:
        return profile(share)[0] - bound

    most = _SHARES[-1]
    low = 0.0 if beyond(0.0) <= 0.0 else brentq(beyond, 0.0, share, xtol=1e-4)
    high = most if beyond(most) <= 0.0 else brentq(beyond, share, most, xtol=1e-4)
    return Noise(share, float(low), float(high), float(np.exp(sharpness)), least / n)


class _Profile:
    """For every share the least loss, whatever the sharpness, and the logarithm of that sharpness.

    There may be two places of little loss: models that are unsure for good reason, and models that
    should be surer and are contradicted by wrong labels. So the sharpness is looked for everywhere.
    """

    def __init__(self, outputs: NDArray[np.floating], labels: NDArray[np.int64]) -> None:
        said, rows = outputs.astype(np.float64), np.arange(len(labels))
        self.own = np.stack(
            [np.exp(log_softmax(np.exp(at) * said, axis=1)[rows, labels]) for at in _SHARPNESS]
        )
        self.other = (1.0 - self.own) / (outputs.shape[1] - 1)

    def __call__(self, share: float) -> tuple[float, float]:
        likely = (1.0 - share) * self.own + share * self.other
        losses = -np.log(np.maximum(likely, _TINY)).sum(axis=1)
        place = int(np.clip(np.argmin(losses), 1, len(losses) - 2))
        before, here, after = losses[place - 1 : place + 2]
        # The lowest point of the parabola through three neighbours.
        bend = max(before - 2.0 * here + after, 1e-12)
        shift = float(np.clip(0.5 * (before - after) / bend, -1.0, 1.0))
        least = here - 0.5 * (before - after) * shift + 0.5 * bend * shift**2
        return float(least), float(_SHARPNESS[place] + shift * _STEP)


def wrongness(own: NDArray[np.floating], share: float, classes: int) -> NDArray[np.float64]:
    """P(wrong | x, y) from log q_y, any shape; `share` in [0, 1)."""
    right = np.exp(own.astype(np.float64))
    wrong = share * -np.expm1(np.minimum(own, 0.0).astype(np.float64)) / (classes - 1)
    total = (1.0 - share) * right + wrong
    found: NDArray[np.float64] = np.zeros_like(total)
    np.divide(wrong, total, out=found, where=total > 0.0)
    return found
