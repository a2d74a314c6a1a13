"""Predictions out of fold, and how far off they usually are at such an example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from radiotracer.opinions.folds import FOLDS, folds_of
from radiotracer.opinions.reduced import reduction_of
from radiotracer.targets.predictors import Floats, Points, Predictor, line

TRIED = 2
"""Folds on which predictors are compared; the winner is fitted to the others, too."""

SPREADS = tuple(line(decay, robust=True) for decay in (1.0, 0.1, 0.01))
"""What may tell where predictions are far off, beside nothing at all."""

WIDEST = 20.0
"""A spread is within this factor of the median one: a line may lead anywhere."""

_LEAST = 1e-3
"""Residuals below this share of the median count as that: the logarithm of 0 is no target."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Of n examples by K models, none of which saw the example.

    Args:
        mean: Predicted targets, shape (n,).
        spread: Of what order the error is at such an example, above 0, shape (n,).
        folds: Which model it was, shape (n,).
        words: Who predicts.
        validation_mean: What each model predicts of m other examples, shape (K, m); None where
            there are none.
        validation_spread: The same, shape (K, m).
    """

    mean: Floats = field(repr=False)
    spread: Floats = field(repr=False)
    folds: NDArray[np.int64] = field(repr=False)
    words: str
    validation_mean: Floats | None = field(default=None, repr=False)
    validation_spread: Floats | None = field(default=None, repr=False)


def predictions_of(
    features: Points,
    targets: Floats,
    predictors: Sequence[Predictor],
    *,
    words: str,
    validation: Points | None = None,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Predictions:
    """Predict every target by a model that was fitted without it.

    The predictor is the one with the least absolute error on two folds. The spread is exp of what a
    second model, also out of fold, predicts of log |error| from the features and the prediction; or
    the same everywhere, where that tells errors no better. The errors that a spread is fitted to
    are those of models that saw the example in question among n others; a trace of order 1 / n of
    its own target is in its own spread.

    Args:
        features: Finite, shape (n, d).
        targets: Finite, about standardised, shape (n,).
        predictors: What may predict.
        words: What the features are.
        validation: Features of m others.
        seed: Which example is in which fold.
        progress: Told which model is fitted, and of how many.
    """
    n = len(targets)
    ranks = np.argsort(np.argsort(targets, kind="stable"), kind="stable")
    # Neighbours in size are dealt out over the folds.
    folds = folds_of(ranks * max(n // FOLDS, 1) // n, seed)
    count = int(folds.max()) + 1
    reduce = reduction_of(features)
    reduced = reduce(features)
    total = count + TRIED * (len(predictors) - 1)
    done = 0

    def fit(each: Predictor, fold: int) -> tuple[Floats, Callable[[Points], Floats]]:
        nonlocal done
        points = features if each.raw else reduced
        rest = folds != fold
        predict = each.fit(points[rest], targets[rest])
        done += 1
        progress("models fitted out of fold", done, total)
        return predict(points[~rest]), predict

    tried = []
    for each in predictors:
        parts = [fit(each, fold) for fold in range(min(TRIED, count))]
        errors = [np.abs(said - targets[folds == k]) for k, (said, _) in enumerate(parts)]
        tried.append((float(np.concatenate(errors).mean()), parts))
    best = int(np.argmin([error for error, _ in tried]))
    chosen, parts = predictors[best], tried[best][1]
    parts += [fit(chosen, fold) for fold in range(len(parts), count)]
    mean = np.empty(n)
    for fold, (said, _) in enumerate(parts):
        mean[folds == fold] = said
    shown = None
    if validation is not None:
        given = validation if chosen.raw else reduce(validation)
        shown = np.stack([predict(given) for _, predict in parts])
    spread, theirs, says = _spread(
        reduced,
        mean,
        targets,
        folds,
        None if validation is None or shown is None else (reduce(validation), shown),
    )
    return Predictions(
        mean, spread, folds, f"{words}; {chosen.words}{says}, {count} folds", shown, theirs
    )


def _spread(
    reduced: Points,
    mean: Floats,
    targets: Floats,
    folds: NDArray[np.int64],
    validation: tuple[Points, Floats] | None,
) -> tuple[Floats, Floats | None, str]:
    """Of the examples, shape (n,), of the others by each model, shape (K, m), and whose it is."""
    away = np.abs(targets - mean)
    middle = max(float(np.median(away)), 1e-12)
    logs = np.log(np.maximum(away, _LEAST * middle) / middle)
    count = int(folds.max()) + 1
    centre, scale = float(np.median(mean)), max(float(mean.std()), 1e-12)

    def beside(points: Points, said: Floats) -> Points:
        own = ((said - centre) / scale).astype(np.float32)
        return np.concatenate([points, own[:, np.newaxis]], axis=1)

    points = beside(reduced, mean)
    flat = np.array([float(np.median(logs[folds != fold])) for fold in range(count)])
    steady = flat[folds]
    best, best_error = None, np.abs(logs - steady)
    for each in SPREADS:
        models = [each.fit(points[folds != k], logs[folds != k]) for k in range(count)]
        said = np.empty(len(logs))
        for fold, model in enumerate(models):
            said[folds == fold] = model(points[folds == fold])
        error = np.abs(logs - said)
        gain = best_error - error
        # The same everywhere is given up only for what is surely better.
        sure = 2.0 * float(gain.std()) / np.sqrt(len(gain)) if best is None else 0.0
        if gain.mean() > sure:
            best, best_error = (models, said), error
    if best is None:
        theirs = None
        if validation is not None:
            theirs = np.repeat(flat[:, np.newaxis], len(validation[0]), axis=1)
        words = ""
    else:
        models, steady = best
        theirs = None
        if validation is not None:
            pairs = zip(models, validation[1], strict=True)
            theirs = np.stack([model(beside(validation[0], row)) for model, row in pairs])
        words = " with a spread of their own for every example"

    def widths(logs: Floats) -> Floats:
        limit = float(np.log(WIDEST))
        return np.asarray(middle * np.exp(np.clip(logs, -limit, limit)))

    return widths(steady), None if theirs is None else widths(theirs), words
