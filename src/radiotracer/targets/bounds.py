"""Between which numbers a target should lie: conformal intervals from models that never saw it.

The interval around the prediction is as wide, in units of the spread, as the errors of others are.

With validation examples, which no model saw, the errors of the very model that predicts are the
measure: for an example that is exchangeable with them, P(target within) >= level, whatever the
model (split conformal prediction, fold by fold). Without, the errors are the out-of-fold ones of
all other examples, each by the model that did not see it, weighted by how likely their targets are
right: a weighted form of the K-fold method of Barber, Candes, Ramdas and Tibshirani (2021,
arXiv:1905.02928). Their CV+ asks, for a new example, all K models; of an example of the data only
the one that did not see it can be asked, and what they prove of CV+ (1 - 2 rate at worst) is not
proved here.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weighted_width(errors: Floats, weights: Floats, level: float) -> float:
    """The smallest error that covers the level of all weight, one of weight 1 at infinity included.

    Args:
        errors: |residual| / spread, shape (n,).
        weights: In [0, 1], shape (n,).
        level: In (0, 1).
    """
    order = np.argsort(errors, kind="stable")
    within = np.cumsum(weights[order])
    place = int(np.searchsorted(within, level * (float(weights.sum()) + 1.0) * (1.0 - 1e-12)))
    return float(errors[order[place]]) if place < len(errors) else math.inf


def widths_by_fold(errors: Floats, level: float) -> Floats:
    """The ceil(level (m + 1))-th smallest error under each model, shape (K,); infinite for small m.

    Args:
        errors: Of the validation examples under each model, shape (K, m).
        level: In (0, 1).
    """
    m = errors.shape[1]
    place = math.ceil(level * (m + 1) * (1.0 - 1e-12))
    if place > m:
        return np.full(len(errors), math.inf)
    return np.asarray(np.sort(errors, axis=1)[:, place - 1])
