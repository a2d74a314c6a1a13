"""Gradient-boosted trees, for rows of tables: numbers of any scale, gaps and categories."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SETTINGS = {"max_iter": 120, "learning_rate": 0.06, "max_leaf_nodes": 15, "l2_regularization": 1.0}
"""Slow and small: a wrong label is not to be learned by a leaf of its own."""

LEAST = 1e-6
"""A class that the model was not fitted to has this probability."""


def fit_trees(
    points: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    categories: tuple[int, ...] = (),
) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Fit to points, shape (n, d), where NaN is a gap; what is fitted gives log probabilities.

    Args:
        points: The columns.
        labels: Shape (n,).
        classes: C.
        categories: Columns that hold numbers of categories, from 0 to 254.
    """
    # Whoever has no table need not wait for it.
    from sklearn.ensemble import HistGradientBoostingClassifier

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = HistGradientBoostingClassifier(
            **SETTINGS,
            early_stopping=False,
            random_state=0,
            categorical_features=list(categories) or None,
        ).fit(points, labels)

    def say(others: NDArray[np.float32]) -> NDArray[np.float32]:
        found = np.full((len(others), classes), LEAST)
        found[:, model.classes_] = np.maximum(model.predict_proba(others), LEAST)
        logs: NDArray[np.float32] = np.log(found / found.sum(axis=1, keepdims=True)).astype(
            np.float32
        )
        return logs

    return say
