"""How well a ranking finds what a manifest says was tampered with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError


@dataclass(frozen=True)
class Detection:
    """Threshold-free quality of a ranking.

    Args:
        auroc: Area under the ROC curve; 0.5 is chance.
        auprc: Average precision; chance is the share of tampered examples.
        tpr_at_fpr_01: Largest recall with at most 1 % of the clean examples flagged.
        tpr_at_fpr_001: Largest recall with at most 0.1 % of the clean examples flagged.
    """

    auroc: float
    auprc: float
    tpr_at_fpr_01: float
    tpr_at_fpr_001: float


@dataclass(frozen=True)
class Decided:
    """Quality of what was flagged; precision is None when nothing was flagged."""

    precision: float | None
    recall: float
    false_positive_rate: float


def detection(scores: NDArray[np.float64], tampered: NDArray[np.bool_]) -> Detection:
    """Quality of `scores` (higher = more suspicious), both arrays of shape (n,).

    Raises:
        DataError: Nothing, or everything, is tampered: no curve can be drawn.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    if not tampered.any() or tampered.all():
        raise DataError(
            expected="both tampered and clean examples in the manifest",
            came=f"{int(tampered.sum())} tampered of {len(tampered)}",
            do="judge detectors on data that were tampered with in part",
        )
    fpr, tpr, _ = roc_curve(tampered, scores)
    return Detection(
        auroc=float(roc_auc_score(tampered, scores)),
        auprc=float(average_precision_score(tampered, scores)),
        tpr_at_fpr_01=_recall_at(0.01, fpr, tpr),
        tpr_at_fpr_001=_recall_at(0.001, fpr, tpr),
    )


def decided(is_flagged: NDArray[np.bool_], tampered: NDArray[np.bool_]) -> Decided:
    """Precision, recall and false-positive rate of a decision, both arrays of shape (n,)."""
    found = int((is_flagged & tampered).sum())
    flagged = int(is_flagged.sum())
    clean = int((~tampered).sum())
    return Decided(
        precision=found / flagged if flagged else None,
        recall=found / max(int(tampered.sum()), 1),
        false_positive_rate=(flagged - found) / max(clean, 1),
    )


def _recall_at(limit: float, fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> float:
    return float(tpr[np.searchsorted(fpr, limit, side="right") - 1])
