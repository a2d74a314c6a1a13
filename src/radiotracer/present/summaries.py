"""Long arrays become the few numbers that a page can show: bins, thinned curves, label counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiotracer.present.findings import Curve, Distribution, Group, LabelFlow

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def score_distribution(
    scores: Floats,
    *,
    axis_title: str,
    threshold: float | None,
    is_flagged: Bools,
    is_tampered: Bools | None = None,
    bins: int = 60,
) -> Distribution:
    """Histogram of scores, on a logarithmic axis where the scores span several magnitudes.

    Args:
        scores: Finite, shape (n,).
        axis_title: What the score is, with its unit if it has one.
        threshold: Where the decision cuts, or None when it cuts by rank.
        is_flagged: Shape (n,); it makes the two groups when there is no manifest.
        is_tampered: Shape (n,), the manifest's word.
        bins: How many bars.
    """
    scale, constant = _scale(scores)
    forward = _transform(scores, scale, constant)
    low, high = float(forward.min()), float(forward.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = max(0.5, 1e-3 * abs(low))
        low, high = low - margin, high + margin
    inner = np.linspace(low, high, bins + 1)
    place = np.clip(np.searchsorted(inner, forward, side="right") - 1, 0, bins - 1)
    split, names = (
        (is_flagged, ("not flagged", "flagged"))
        if is_tampered is None
        else (is_tampered, ("clean", "tampered"))
    )
    return Distribution(
        axis_title=axis_title,
        scale=scale,
        symlog_constant=constant,
        edges=_rising(_invert(inner, scale, constant)),
        groups=tuple(
            Group(
                name=name,
                counts=tuple(np.bincount(place[member], minlength=bins).tolist()),
                is_suspicious=suspicious,
            )
            for name, member, suspicious in ((names[0], ~split, False), (names[1], split, True))
        ),
        threshold=threshold,
    )


def precision_recall_curve(
    detector: str, recall: Floats, precision: Floats, *, points: int = 200
) -> Curve:
    """Thin a precision-recall curve, in any order, to at most `points` points.

    Points are kept at even distances along the curve after a stretch towards (1, 1), because good
    curves do all that is interesting there.
    """
    order = np.lexsort((-precision, recall))
    recall, precision = recall[order], precision[order]
    steps = np.abs(np.diff(_towards_one(recall))) + np.abs(np.diff(_towards_one(precision)))
    along = np.concatenate(([0.0], np.cumsum(steps)))
    wanted = np.linspace(0.0, along[-1], points)
    kept = np.unique(np.clip(np.searchsorted(along, wanted), 0, len(along) - 1))
    return Curve(
        detector=detector,
        recall=_significant(recall[kept]),
        precision=_significant(precision[kept]),
    )


def label_flow(pairs: Iterable[tuple[str | None, str | None]]) -> tuple[LabelFlow, ...]:
    """Count (given label, suggested label) of the flagged examples, most frequent first.

    Pairs without a label or a suggestion, or where both are the same, are left out.
    """
    counts = Counter(
        (given, other) for given, other in pairs if given is not None and other not in {None, given}
    )
    ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return tuple(
        LabelFlow(given=given, suggested=str(other), count=count)
        for (given, other), count in ranked
    )


def _scale(scores: Floats) -> tuple[Literal["linear", "log", "symlog"], float]:
    """Logarithmic when positive and spread wide; symmetric logarithmic when wide with signs."""
    size = np.abs(scores)
    typical, largest = float(np.median(size)), float(size.max(initial=0.0))
    if typical <= 0.0 or largest / typical < 30.0:
        return "linear", 1.0
    if float(scores.min()) > 0.0:
        return "log", 1.0
    return "symlog", float(f"{typical:.1g}")


def _transform(values: Floats, scale: str, constant: float) -> Floats:
    if scale == "log":
        return np.log(values)
    if scale == "symlog":
        return np.asarray(np.sign(values) * np.log1p(np.abs(values) / constant))
    return values


def _invert(values: Floats, scale: str, constant: float) -> Floats:
    if scale == "log":
        return np.exp(values)
    if scale == "symlog":
        return np.asarray(np.sign(values) * np.expm1(np.abs(values)) * constant)
    return values


def _towards_one(share: Floats) -> Floats:
    """0 to 1 becomes 0 to about 7: equal steps shrink the distance to one by equal factors."""
    return np.asarray(-np.log(1.001 - share))


def _significant(values: Floats, digits: int = 6) -> tuple[float, ...]:
    """Few digits: enough for a page, and the same text on every machine."""
    return tuple(float(f"{value:.{digits}g}") for value in values.tolist())


def _rising(edges: Floats) -> tuple[float, ...]:
    """As few digits as keep neighbouring edges apart."""
    for digits in (6, 9, 12):
        rounded = _significant(edges, digits)
        if all(low < high for low, high in pairwise(rounded)):
            return rounded
    return tuple(edges.tolist())
