"""Wrong entries of a table of labels, where an example may have any number of them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError, NotFiniteError
from radiotracer.opinions import Opinions
from radiotracer.opinions.crossfit import best_opinions
from radiotracer.opinions.head import trees
from radiotracer.opinions.view import view_of
from radiotracer.stats import cross_conformal_p_values
from radiotracer.targets.findings import LabelFinding, MultilabelCheck
from radiotracer.targets.inputs import (
    Features,
    features_from,
    pair_of,
    require_length,
    require_rate,
)
from radiotracer.targets.lists import list_by_validation, longest_list, surely_better, too_small
from radiotracer.targets.sided import Sided, fit_sided

FEWEST_OF_EACH = 2
"""Yeses, and noes, of a label: with one, no model that never saw it knows that it exists."""

LEAST_RATE = 0.01
"""Of both kinds of mistakes where entries are ranked against validation examples."""

Progress = Callable[[str, int, int], None]


def check_multilabel(
    features: Any,
    labels: Any,
    *,
    names: Sequence[str] | None = None,
    validation: tuple[Any, Any] | None = None,
    rate: float = 0.05,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> MultilabelCheck:
    """Look for wrong entries, each label by itself.

    Models that never saw an example's own entry say how likely a yes is; the rates at which yeses
    are invented and forgotten are fitted to that (`targets/sided.py`), and give the probability
    that an entry is wrong. Of each label the longest list of entries is flagged whose mean
    probability of being right is at most `rate`, and none where the 95 % interval of the share of
    wrong entries begins at 0. That is an estimate. With validation examples, every entry has a
    p-value, too (`radiotracer.stats.cross_conformal_p_values`; the score is the log odds of being
    wrong, into which a few numbers enter that were fitted to all examples). Benjamini and
    Hochberg's procedure decides then, unless it flags none and the validation examples are too few
    to show a list of 1 %: then the estimate decides, and `LabelFinding.decided_by` says so.

    Args:
        features: Shape (n, d), NaN where a value is missing; a frame; or a list of n texts.
        labels: 0 or 1, shape (n, L): an array, or a frame whose columns are the labels.
        names: Of the L labels; by default those of the frame's columns, or ``label 0`` and so on.
        validation: Features and labels of m examples whose labels are right, in the same forms.
        rate: Share of right entries among the flagged ones that is put up with, in (0, 1).
        seed: Which example is in which fold.
        progress: Told which label is looked at, and of how many.

    Raises:
        DataError: Fewer than 20 examples, labels that are not 0 or 1, shapes that do not fit.
        NotFiniteError: NaN among the labels, or infinity among the features.
        InputError: A rate out of range.
    """
    began = time.perf_counter()
    require_rate(rate)
    shown_features, shown_labels = (None, None) if validation is None else pair_of(validation)
    given = features_from(features, shown_features)
    table = _zeros_and_ones(labels, "labels")
    require_length("labels", len(table), len(given.train))
    called = _names(labels, names, table.shape[1])
    shown = None
    if given.validation is not None:
        shown = _zeros_and_ones(shown_labels, "validation labels")
        require_length("validation labels", len(shown), len(given.validation))
        if shown.shape[1] != table.shape[1]:
            raise DataError(
                expected=f"{table.shape[1]} validation labels",
                came=str(shown.shape[1]),
                do="give the same labels in the same order",
            )
    wrong = np.full(table.shape, np.nan)
    is_flagged = np.zeros(table.shape, dtype=np.bool_)
    p_values = None if shown is None else np.full(table.shape, np.nan)
    findings, left_out = [], []
    for place, name in enumerate(called):
        progress("labels", place, len(called))
        column = table[:, place].astype(np.int64)
        yes = int(column.sum())
        if min(yes, len(column) - yes) < FEWEST_OF_EACH:
            left_out.append((name, f"{yes:,} yes and {len(column) - yes:,} no"))
            continue
        pair = None
        if shown is not None and given.validation is not None:
            pair = (given.validation, shown[:, place].astype(np.int64))
        opinions = _opinions(given, column, pair, seed)
        found = _found(name, opinions, rate)
        wrong[:, place], is_flagged[:, place] = found[1], found[2]
        if p_values is not None and found[3] is not None:
            p_values[:, place] = found[3]
        findings.append(found[0])
    progress("labels", len(called), len(called))
    note = "" if shown is None else too_small(len(shown), len(table), rate)
    return MultilabelCheck(
        names=called,
        labels=table,
        wrong=wrong,
        is_flagged=is_flagged,
        p_values=p_values,
        findings=tuple(findings),
        left_out=tuple(left_out),
        rate=rate,
        notes=(note,) if note else (),
        seed=seed,
        seconds=time.perf_counter() - began,
    )


def _opinions(
    given: Features,
    labels: NDArray[np.int64],
    validation: tuple[NDArray[np.float32], NDArray[np.int64]] | None,
    seed: int,
) -> Opinions:
    shown, theirs = (None, None) if validation is None else validation
    views = [view_of(given.words, given.train, shown)]
    if given.columns:
        views.append(
            dataclasses.replace(views[0], points=given.train, validation=shown, heads=(trees(),))
        )
    return best_opinions(views, labels, 2, validation_labels=theirs, seed=seed)


_Found = tuple[LabelFinding, NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64] | None]


def _found(name: str, opinions: Opinions, rate: float) -> _Found:
    """The finding, P(wrong), what is flagged, and the p-values, each of shape (n,)."""
    labels = opinions.labels
    z = opinions.outputs[:, 1] - opinions.outputs[:, 0]
    fitted = fit_sided(z, labels)
    wrong = fitted.wrong(z, labels)
    accuracy, gain, unsure = _adequacy(fitted, z, labels)
    p_values, bound, tested = None, None, None
    if opinions.validation is not None and opinions.validation_labels is not None:
        said = opinions.validation.astype(np.float64)
        theirs = said[..., 1] - said[..., 0]
        p_values = cross_conformal_p_values(
            fitted.wrong(z, labels, LEAST_RATE),
            opinions.folds,
            fitted.wrong(theirs, opinions.validation_labels[np.newaxis], LEAST_RATE),
        )
        tested, bound = list_by_validation(p_values, theirs.shape[1], rate)
    # Where no wrong entry at all explains the labels as well, there is no estimated list.
    estimated = longest_list(wrong, rate) & (fitted.low > 0.0)
    is_flagged = estimated if tested is None else tested
    if unsure is not None:
        is_flagged = np.zeros_like(is_flagged)
    finding = LabelFinding(
        name=name,
        yes=int(labels.sum()),
        share=fitted.share,
        low=fitted.low,
        high=fitted.high,
        invented=fitted.invented,
        forgotten=fitted.forgotten,
        balanced_accuracy=accuracy,
        gain=gain,
        flagged=int(is_flagged.sum()),
        at_least=bound,
        decided_by="estimate" if tested is None else "validation",
        inconclusive=unsure,
        words=opinions.words,
    )
    return finding, wrong, is_flagged, p_values


def _adequacy(
    fitted: Sided, z: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[float, float, str | None]:
    """Balanced accuracy, gain in nats, and why the models know too little, if they do."""
    base = float(labels.mean())
    q = fitted.chance(z)
    said = (1.0 - fitted.forgotten) * q + fitted.invented * (1.0 - q)
    said = np.clip(said, 1e-12, 1.0 - 1e-12)
    own = np.where(labels == 1, said, 1.0 - said)
    gain = np.log(own) - np.log(np.where(labels == 1, base, 1.0 - base))
    right = (said > base) == (labels == 1)
    yes, no = right[labels == 1], right[labels == 0]
    accuracy = float((yes.mean() + no.mean()) / 2.0)
    # Chance alone moves a balanced accuracy by this much.
    error = float(np.sqrt(0.25 / len(yes) + 0.25 / len(no)) / 2.0)
    if surely_better(gain) and accuracy > 0.5 + 3.0 * error:
        return accuracy, float(gain.mean()), None
    return (
        accuracy,
        float(gain.mean()),
        f"models tell this label no better than chance (balanced accuracy {accuracy:.2f})",
    )


def _zeros_and_ones(labels: Any, what: str) -> NDArray[np.int8]:
    values = labels.to_numpy() if hasattr(labels, "to_numpy") else np.asarray(labels)
    if values.ndim != 2 or not values.shape[1] or values.dtype.kind not in "biuf":
        raise DataError(
            expected=f"{what} that are 0 or 1, of shape (n, L)",
            came=f"{values.dtype} of shape {values.shape}",
            do="give a column for every label",
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise NotFiniteError(
            expected=f"{what} that are 0 or 1", came="NaN or infinity", do="leave those rows out"
        )
    if not np.isin(values, (0, 1)).all():
        other = values[~np.isin(values, (0, 1))].ravel()[0]
        raise DataError(
            expected=f"{what} that are 0 or 1",
            came=f"{other:g}",
            do="give a column for every label",
        )
    return np.asarray(values, dtype=np.int8)


def _names(labels: Any, names: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if names is None:
        names = [str(each) for each in getattr(labels, "columns", ())]
    if not list(names):
        names = [f"label {place}" for place in range(count)]
    if len(names) != count or len(set(names)) < count:
        raise DataError(
            expected=f"{count} different names=",
            came=f"{len(names)}, {len(set(names))} of them different",
            do="give one for every label",
        )
    return tuple(str(each) for each in names)
