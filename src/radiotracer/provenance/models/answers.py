"""From what a model answered to log-probabilities and labels, or to one line that says why not.

Every kind of suspect passes its answers through here, so that an audit's statistic never depends on
how a model was reached:

- Logits are normalised: ``z - log(sum(exp(z)))`` in float64.
- Probabilities must lie in [0, 1] and their rows sum to 1 within `ROUNDING`. They are raised to at
  least `SMALLEST`, since services round small ones to 0, and normalised.
- What was announced as logits but are probabilities, row for row, is refused: normalised once more,
  they would lose nearly all that they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError, NotFiniteError
from radiotracer.provenance.models.protocol import Labels, Outputs, Scores

ROUNDING = 0.01
"""How far from 1 the sum of a row of probabilities may be: services round to a few decimals."""

SMALLEST = 1e-12
"""Probabilities below this are taken for it; a score is never below about -27.6."""

_LARGEST = 1e300
"""As good as infinite: differences of larger numbers are."""

_SURELY = 1e-3
"""A row of logits that happens to be non-negative and to sum to 1 this closely is no accident."""


def checked(
    raw: NDArray[Any], *, outputs: Outputs, n: int, classes: int | None, who: str, noun: str
) -> Scores | Labels:
    """Scores (n, columns), or with ``outputs="labels"`` labels (n,), of one batch.

    Args:
        raw: What came.
        outputs: What it is.
        n: How many examples were asked.
        classes: How many columns scores of classes must have at least; None: one.
        who: Names the model in errors.
        noun: What one example is called in errors.

    Raises:
        NotFiniteError: NaN or infinity among scores.
        InputError: They are something else.
    """
    if outputs == "labels":
        return to_labels(raw, n=n, who=who, noun=noun)
    if outputs == "losses":
        return -to_losses(raw, n=n, who=who, noun=noun)[:, None]
    return to_scores(raw, outputs=outputs, n=n, classes=classes, who=who, noun=noun)


def to_scores(
    raw: NDArray[Any],
    *,
    outputs: Outputs,
    n: int,
    classes: int | None,
    who: str,
    noun: str = "example",
) -> Scores:
    """Log-probabilities from a model's logits or probabilities.

    Args:
        raw: What came, meant to be of shape (n, columns).
        outputs: ``"logits"`` or ``"probabilities"``.
        n: How many examples were asked.
        classes: How many columns there must be at least; None: one.
        who: Names the model in errors.
        noun: What one example is called in errors.

    Returns:
        float64, shape (n, columns), finite.

    Raises:
        NotFiniteError: NaN or infinity among them.
        InputError: Another shape, too few columns, no probabilities where they were announced, or
            probabilities where logits were.
    """
    least = classes or 1
    if raw.ndim != 2 or len(raw) != n or raw.dtype.kind not in "fiu":
        raise InputError(
            expected=f"{n} rows of scores from {who}",
            came=f"{raw.dtype} of shape {raw.shape}",
            do=f"make it give one row per {noun} and one column per class",
        )
    if raw.shape[1] < least:
        raise InputError(
            expected=f"scores of at least {least} classes from {who}",
            came=f"{raw.shape[1]}",
            do="pass the model that was trained for these classes",
        )
    values = raw.astype(np.float64)
    bad = int((~(np.abs(values) < _LARGEST)).sum())
    if bad:
        raise NotFiniteError(
            expected=f"finite scores from {who}",
            came=f"{bad} NaN or infinite of {values.size}",
            do="repair the model; its other answers cannot be relied on either",
        )
    if outputs == "probabilities":
        values = np.log(np.maximum(_require_probabilities(values, who), SMALLEST))
    elif n > 1 and bool(_are_probabilities(values, _SURELY).all()):
        raise InputError(
            expected=f"logits or log-probabilities from {who}",
            came="rows in [0, 1] that sum to 1",
            do='these are probabilities: say so with outputs="probabilities"',
        )
    # The largest first: of numbers near 1e9 little would be left behind the point.
    values = values - values.max(axis=1, keepdims=True)
    return np.asarray(values - np.log(np.exp(values).sum(axis=1, keepdims=True)))


def to_labels(raw: NDArray[Any], *, n: int, who: str, noun: str = "example") -> Labels:
    """Class numbers from a model that gives nothing else.

    Returns:
        int64, shape (n,), each 0 or more.

    Raises:
        InputError: Other than n whole numbers of 0 or more.
    """
    if raw.shape != (n,) or (n and raw.dtype.kind not in "iu"):
        raise InputError(
            expected=f"{n} whole numbers, one class per {noun}, from {who}",
            came=f"{raw.dtype} of shape {raw.shape}",
            do=f"make it give the number of one class per {noun}",
        )
    labels = raw.astype(np.int64)
    if n and labels.min() < 0:
        raise InputError(
            expected=f"class numbers of 0 or more from {who}",
            came=f"{labels.min()}",
            do="make it count classes from 0, in the order of the data",
        )
    return labels


def to_losses(raw: NDArray[Any], *, n: int, who: str, noun: str = "example") -> Scores:
    """Losses of whole examples, as a language model has them.

    Returns:
        float64, shape (n,), finite.

    Raises:
        NotFiniteError: NaN or infinity among them.
        InputError: Other than n numbers.
    """
    if raw.shape != (n,) or (n and raw.dtype.kind not in "fiu"):
        raise InputError(
            expected=f"{n} losses, one per {noun}, from {who}",
            came=f"{raw.dtype} of shape {raw.shape}",
            do=f"make it give minus the log of the probability of each {noun}",
        )
    losses = raw.astype(np.float64)
    bad = int((~np.isfinite(losses)).sum())
    if bad:
        raise NotFiniteError(
            expected=f"finite losses from {who}",
            came=f"{bad} NaN or infinite of {n}",
            do="repair the model; its other answers cannot be relied on either",
        )
    return losses


def are_probabilities(values: Scores) -> bool:
    """Whether every row of (n, columns) is surely one of probabilities: no accident."""
    return len(values) > 0 and bool(_are_probabilities(values, _SURELY).all())


def in_order(
    values: NDArray[Any], keys: Sequence[int | str] | None, names: Sequence[str], who: str
) -> NDArray[Any]:
    """Columns that have names of their own, in the order of the audit's classes.

    Args:
        values: Shape (n, columns).
        keys: What each column stands for, a class number or name; None: they are in order.
        names: The audit's classes in order; empty: not known.
        who: Names the model in errors.

    Raises:
        InputError: A class has no column, or has two.
    """
    if keys is None:
        return values
    named = any(isinstance(key, str) for key in keys)
    wanted: Sequence[int | str] = names if named else range(len(keys))
    missing = [each for each in wanted if list(keys).count(each) != 1]
    if missing or not wanted:
        raise InputError(
            expected=f"a score for each of {', '.join(map(str, wanted))[:100] or 'the classes'} "
            f"from {who}",
            came=", ".join(map(str, keys))[:100] or "none",
            do="make it name classes as the data do, or give all scores in their order",
        )
    return values[:, [list(keys).index(each) for each in wanted]]


def _are_probabilities(values: Scores, tolerance: float) -> NDArray[np.bool_]:
    inside = ((values >= 0) & (values <= 1 + tolerance)).all(axis=1)
    return np.asarray(inside & (np.abs(values.sum(axis=1) - 1) <= tolerance))


def _require_probabilities(values: Scores, who: str) -> Scores:
    wrong = np.flatnonzero(~_are_probabilities(values, ROUNDING))
    if len(wrong):
        row = values[wrong[0]]
        raise InputError(
            expected=f"rows of probabilities in [0, 1] that sum to 1 from {who}",
            came=f"{len(wrong)} other rows, the first from {row.min():.4g} to {row.max():.4g} "
            f"with the sum {row.sum():.4g}",
            do='if they are logits or log-probabilities, say so with outputs="logits"',
        )
    return values
