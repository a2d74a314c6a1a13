"""Cells taken together: mean and range over the seeds, successful and other attacks apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.detect.config import DEVELOPMENT
from bench.detect.result import Cell

METRICS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "tpr_at_fpr_01": "TPR at 1% FPR",
    "tpr_at_fpr_001": "TPR at 0.1% FPR",
    "recall_at_tenth": "recall in a tenth",
    "recall_at_fifth": "recall in a fifth",
    "recall_at_precision": "recall at precision",
    "precision": "precision as flagged",
    "recall": "recall as flagged",
    "false_positive_rate": "FPR as flagged",
    "clean_removed": "clean removed",
}
"""Fields of `DetectorQuality`, with their titles."""


@dataclass(frozen=True)
class Spread:
    """Mean, smallest and largest of some numbers."""

    mean: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float | None]) -> Spread | None:
        """Of the numbers that are known; None when none is."""
        known = [value for value in values if value is not None]
        return Spread(sum(known) / len(known), min(known), max(known)) if known else None


@dataclass(frozen=True)
class Group:
    """Cells that differ in the seed alone and whose attacks ended alike."""

    data: str
    protocol: str
    recipe: str
    outcome: str
    cells: tuple[Cell, ...]

    @property
    def split(self) -> str:
        """Whether detectors may have been designed on this recipe."""
        return "development" if self.recipe in DEVELOPMENT else "held out"

    @property
    def title(self) -> str:
        """The group in one line."""
        return f"{self.data}, {self.protocol}, {self.recipe} ({self.split}), {self.outcome}"

    @property
    def detectors(self) -> tuple[str, ...]:
        """Detectors that ran in any of the cells, in the order of tables."""
        return tuple(dict.fromkeys(name for cell in self.cells for name in cell.detectors))

    def spread(self, detector: str, metric: str) -> Spread | None:
        """A metric of a detector over the seeds."""
        rows = (cell.detectors.get(detector) for cell in self.cells)
        return Spread.of([getattr(row, metric) for row in rows if row is not None])


def groups(cells: Sequence[Cell]) -> tuple[Group, ...]:
    """Cells by data, protocol, recipe and what became of the attack."""
    found: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        key = (cell.data, cell.protocol, cell.recipe, cell.outcome)
        found.setdefault(key, []).append(cell)
    return tuple(Group(*key, tuple(members)) for key, members in found.items())


def written(spread: Spread | None, digits: int = 3) -> tuple[str, str]:
    """The mean, and the range where there is one, as texts."""
    if spread is None:
        return "-", ""
    if spread.low == spread.high:
        return f"{spread.mean:.{digits}f}", ""
    return f"{spread.mean:.{digits}f}", f"{spread.low:.{digits}f}-{spread.high:.{digits}f}"
