"""Other rankings on the same features: cleanlab's, neighbours', and that of a loss."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.check.measuring import precision
from radiotracer.detectors.deep_knn import MOST, disagreement

STRENGTHS = (1.0, 0.01)
"""C of scikit-learn's logistic regression: its default, and one that fits many features."""

METHODS = ("self_confidence", "normalized_margin")
"""Of cleanlab's label quality."""

FOLDS = 5


def cleanlab(
    probabilities: NDArray[np.floating], given: NDArray[np.int64], wrong: NDArray[np.bool_]
) -> dict[str, float]:
    """Average precision of cleanlab's label quality, by its method."""
    from cleanlab.rank import get_label_quality_scores

    return {
        method: precision(-get_label_quality_scores(given, probabilities, method=method), wrong)
        for method in METHODS
    }


def out_of_sample(
    model: Any, points: NDArray[np.float32], given: NDArray[np.int64], seed: int
) -> NDArray[np.floating]:
    """Probabilities by cross-validation."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not every fit converges
        found: NDArray[np.floating] = cross_val_predict(
            model, points, given, cv=folds, method="predict_proba"
        )
    return found


def logistic(strength: float) -> Any:
    """Standardised features, then scikit-learn's logistic regression."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=200))


def cleanlab_on(
    points: NDArray[np.float32], given: NDArray[np.int64], wrong: NDArray[np.bool_], seed: int
) -> dict[str, float]:
    """Average precision of cleanlab by logistic regression on features."""
    found = {}
    for strength in STRENGTHS:
        said = out_of_sample(logistic(strength), points, given, seed)
        for method, value in cleanlab(said, given, wrong).items():
            found[f"cleanlab, C={strength:g}, {method}"] = value
    return found


def on_features(
    points: NDArray[np.float32], given: NDArray[np.int64], wrong: NDArray[np.bool_], seed: int
) -> dict[str, float]:
    """Average precision of everything that can be had from features."""
    found = cleanlab_on(points, given, wrong, seed)
    scaled = StandardScaler().fit_transform(points)
    size = round(2 * len(given) / (given.max() + 1))
    k = min(size, MOST, len(given) - 1)
    found["neighbours"] = precision(disagreement(scaled, given, k), wrong)
    weak = logistic(STRENGTHS[-1]).fit(points, given)
    own = weak.predict_proba(points)[np.arange(len(given)), given]
    found["loss"] = precision(-own.astype(np.float64), wrong)
    return found


def by_trees(
    points: NDArray[np.float32], given: NDArray[np.int64], wrong: NDArray[np.bool_], seed: int
) -> dict[str, float]:
    """Average precision of cleanlab with scikit-learn's boosted trees."""
    said = out_of_sample(HistGradientBoostingClassifier(), points, given, seed)
    return {f"trees, {method}": value for method, value in cleanlab(said, given, wrong).items()}
