"""Linear heads on representations, and folds to fit them in: what two detectors share."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression

PENALTY = 1e-3
"""Weight decay of the heads: mean cross-entropy + PENALTY x the squared weights."""


def standardised(
    features: NDArray[np.float32], like: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Every column less its mean, over its standard deviation: its own, or that of `like`."""
    reference = features if like is None else like
    scaled: NDArray[np.float32] = (features - reference.mean(axis=0)) / (
        reference.std(axis=0) + 1e-6
    )
    return scaled


def fit_head(
    features: NDArray[np.float32], labels: NDArray[np.int64]
) -> LogisticRegression | DummyClassifier:
    """A logistic regression of labels, shape (n,), on features, shape (n, d).

    Where there is one label only, there is nothing to fit: that label has probability 1.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) == 1:
        return DummyClassifier().fit(features, labels)
    with warnings.catch_warnings():
        # A head that is nearly fitted is good enough.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=1 / (2 * PENALTY * len(labels)), max_iter=100).fit(
            features, labels
        )


def out_of_fold(
    labels: NDArray[np.int64], folds: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows to fit and rows to leave out, `folds` times, every class spread over the folds.

    Args:
        labels: Shape (n,); some label has `folds` examples or more. Rarer ones are in some folds
            only, which is no reason to warn.
        folds: At least 2.
        seed: Which example is in which fold.
    """
    from sklearn.model_selection import StratifiedKFold

    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(labels, labels))
