"""What can predict a number: lines that outliers pull little, and boosted trees."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Points = NDArray[np.float32]

TUNING = 1.345
"""Huber's: 95 % as good as least squares where all noise is normal."""

ROUNDS = 15
"""Of reweighting, at most."""

SETTINGS = {
    "loss": "absolute_error",
    "max_iter": 80,
    "learning_rate": 0.12,
    "max_leaf_nodes": 15,
    "l2_regularization": 1.0,
}
"""Absolute errors: a wrong target pulls no harder than a right one."""


@dataclass(frozen=True)
class Predictor:
    """One kind of model, with its settings.

    Args:
        words: For people.
        fit: From points, shape (n, d), and targets, shape (n,), to what predicts.
        raw: Whether it is given the features as they are, not their reduction.
    """

    words: str
    fit: Callable[[Points, Floats], Callable[[Points], Floats]]
    raw: bool = False


def line(decay: float, robust: bool) -> Predictor:
    """Least squares, or Huber's loss, with a decay of the squared weights."""

    def fit(points: Points, targets: Floats) -> Callable[[Points], Floats]:
        weights = fit_line(points, targets, decay, robust)
        return lambda others: np.asarray(others @ weights[:-1] + weights[-1], dtype=np.float64)

    return Predictor(f"{'a robust' if robust else 'a'} linear model (decay {decay:g})", fit)


def fit_line(points: Points, targets: Floats, decay: float, robust: bool) -> Floats:
    """Weights and at their end the intercept, shape (d + 1,).

    Minimises mean loss + decay x squared weights. Huber's loss (1964) by reweighted least squares,
    with the threshold at `TUNING` times the residuals' normalised median, anew in each round.

    Args:
        points: Of about unit variance, shape (n, d).
        targets: Shape (n,).
        decay: Above 0.
        robust: Huber's loss, else squares.
    """
    n, d = points.shape
    given = np.concatenate([points.astype(np.float64), np.ones((n, 1))], axis=1)
    penalty = np.diag(np.append(np.full(d, n * decay), 1e-9 * n))
    trust = np.ones(n)
    weights: Floats = np.zeros(d + 1)
    for _ in range(ROUNDS if robust else 1):
        weighted = given * trust[:, np.newaxis]
        found = np.linalg.solve(given.T @ weighted + penalty, weighted.T @ targets)
        moved = float(np.abs(found - weights).max())
        weights = np.asarray(found)
        if moved < 1e-4 * max(float(np.abs(weights).max()), 1e-12):
            break
        away = np.abs(targets - given @ weights)
        limit = TUNING * float(np.median(away)) / 0.6745
        trust = np.minimum(1.0, limit / np.maximum(away, 1e-12)) if limit > 0.0 else trust
    return weights


def _fit_trees(points: Points, targets: Floats) -> Callable[[Points], Floats]:
    from sklearn.ensemble import HistGradientBoostingRegressor

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = HistGradientBoostingRegressor(**SETTINGS, early_stopping=False, random_state=0).fit(
            points, targets
        )
    return lambda others: np.asarray(model.predict(others), dtype=np.float64)


LINES = tuple(
    line(decay, robust) for robust in (False, True) for decay in (1.0, 0.1, 0.01, 0.001, 0.0001)
)

TREES = Predictor("boosted trees", _fit_trees, raw=True)
"""For columns that mean something by themselves."""
