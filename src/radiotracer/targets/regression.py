"""Wrong targets where they are numbers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError, NotFiniteError
from radiotracer.stats import cross_conformal_p_values
from radiotracer.targets.bounds import weighted_width, widths_by_fold
from radiotracer.targets.inputs import features_from, pair_of, require_length, require_rate
from radiotracer.targets.lists import list_by_validation, longest_list, surely_better, too_small
from radiotracer.targets.mixture import fit_mixture
from radiotracer.targets.predicting import predictions_of
from radiotracer.targets.predictors import LINES, TREES
from radiotracer.targets.regression_check import RegressionCheck

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

FAR = 5.0
"""Errors count at most so many times the median one where models are compared with a constant: one
wrong target must not decide that."""


def check_regression(
    features: Any,
    targets: Any,
    *,
    validation: tuple[Any, Any] | None = None,
    rate: float = 0.05,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> RegressionCheck:
    """Look for wrong targets among numbers.

    Models that never saw a target predict it, and how far off they usually are at such an example.
    From the residuals the share of wrong targets and the probability of each are estimated
    (`targets/mixture.py`), and the longest list is flagged whose mean probability of being right is
    at most `rate`; none where the 95 % interval of the share begins at 0. With validation examples,
    every target has a p-value, too: how many of them are as far off, in units of the spread, under
    the very model that did not see the target. Benjamini and Hochberg's procedure decides then,
    unless it flags none and the validation examples are too few to show a list of 1 %: then the
    estimate decides, and `RegressionCheck.decided_by` says so.

    Args:
        features: Shape (n, d), NaN where a value is missing; a frame; or a list of n texts.
        targets: Finite numbers, shape (n,).
        validation: Features and targets of m examples whose targets are right, in the same forms.
        rate: Share of right targets among the flagged ones that is put up with, in (0, 1); the
            intervals are at level 1 - rate.
        seed: Which example is in which fold.
        progress: Told which model is fitted, and of how many.

    Raises:
        DataError: Fewer than 20 examples, targets that are no numbers or all the same, shapes that
            do not fit.
        NotFiniteError: NaN or infinity among the targets, or infinity among the features.
        InputError: A rate out of range.
    """
    began = time.perf_counter()
    require_rate(rate)
    shown_features, shown_targets = (None, None) if validation is None else pair_of(validation)
    given = features_from(features, shown_features)
    known = _numbers(targets, "targets")
    require_length("a target", len(known), len(given.train))
    if (known == known[0]).all():
        raise DataError(
            expected="targets that differ", came=f"{known[0]:g} for all", do="look at them"
        )
    shown = None
    if given.validation is not None:
        shown = _numbers(shown_targets, "validation targets")
        require_length("a validation target", len(shown), len(given.validation))
    centre, scale = _scale(known)
    plain = (known - centre) / scale
    found = predictions_of(
        given.train,
        plain,
        (*LINES, TREES) if given.columns else LINES,
        words=given.words,
        validation=given.validation,
        seed=seed,
        progress=progress,
    )
    mixed = fit_mixture(plain, found.mean, found.spread, seed)
    away = np.abs(plain - found.mean) / found.spread
    p_values, bound, note, tested = None, None, "", None
    if shown is not None and found.validation_mean is not None:
        assert found.validation_spread is not None  # noqa: S101
        theirs = np.abs((shown - centre) / scale - found.validation_mean) / found.validation_spread
        p_values = cross_conformal_p_values(away, found.folds, theirs)
        tested, bound = list_by_validation(p_values, len(shown), rate)
        width = widths_by_fold(theirs, 1.0 - rate)[found.folds]
        note = too_small(len(shown), len(known), rate)
    else:
        width = np.full(len(known), weighted_width(away, 1.0 - mixed.wrong, 1.0 - rate))
    # Where no wrong target at all explains the residuals as well, there is no estimated list.
    estimated = longest_list(mixed.wrong, rate) & (mixed.low > 0.0)
    is_flagged = estimated if tested is None else tested
    unsure = _unsure(plain, found.mean, found.folds)
    if unsure is not None:
        is_flagged = np.zeros_like(is_flagged)
    residuals = known - (predicted := centre + scale * found.mean)
    return RegressionCheck(
        targets=known,
        predicted=predicted,
        spread=scale * found.spread,
        low=predicted - width * scale * found.spread,
        high=predicted + width * scale * found.spread,
        wrong=mixed.wrong,
        is_flagged=is_flagged,
        p_values=p_values,
        decided_by="estimate" if tested is None else "validation",
        share=mixed.share,
        share_low=mixed.low,
        share_high=mixed.high,
        at_least=bound,
        absolute_error=float(np.abs(residuals).mean()),
        constant_error=float(np.abs(known - np.median(known)).mean()),
        r_squared=1.0 - float((residuals**2).sum() / ((known - known.mean()) ** 2).sum()),
        inconclusive=unsure,
        rate=rate,
        words=found.words,
        notes=(note,) if note else (),
        seed=seed,
        seconds=time.perf_counter() - began,
    )


def _unsure(targets: Floats, mean: Floats, folds: NDArray[np.int64]) -> str | None:
    """Why the models know too little, if they do, beside the median of the other folds."""
    medians = np.array([np.median(targets[folds != k]) for k in range(int(folds.max()) + 1)])
    constant = np.abs(targets - medians[folds])
    most = FAR * float(np.median(constant))
    own = np.minimum(np.abs(targets - mean), most)
    constant = np.minimum(constant, most)
    if surely_better(constant - own):
        return None
    return (
        "models predict the targets no better than a constant does (mean absolute error "
        f"{own.mean() / max(float(constant.mean()), 1e-300):.2f} of the constant's)"
    )


def _numbers(targets: Any, what: str) -> Floats:
    values = targets.to_numpy() if hasattr(targets, "to_numpy") else np.asarray(targets)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise DataError(
            expected=f"{what} that are numbers, of shape (n,)",
            came=f"{values.dtype} of shape {values.shape}",
            do="give one number per example",
        )
    found = values.astype(np.float64)
    if not np.isfinite(found).all():
        raise NotFiniteError(
            expected=f"finite {what}",
            came=f"NaN or infinity for {int((~np.isfinite(found)).sum()):,} of {len(found):,}",
            do="leave those examples out",
        )
    return found


def _scale(targets: Floats) -> tuple[float, float]:
    """The middle, and half the width of the middle two thirds where they differ, above 0."""
    centre = float(np.median(targets))
    low, high = np.quantile(targets, (0.25, 0.75))
    scale = float(high - low) / 1.349
    return centre, scale if scale > 0.0 else float(np.abs(targets - centre).mean())
