"""Given label against suggested label: a small matrix when it fits, and always a ranked list."""

from __future__ import annotations

import math
from dataclasses import dataclass

from radiotracer.present.findings import LabelFlow

WIDEST = 16
"""A matrix with more labels than this would not be read; the ranked list is shown alone."""

LISTED = 12
"""How many flows the ranked list names."""

SHADES = 6
"""Steps of shading, by the square root of the count, so that rare flows stay visible."""


@dataclass(frozen=True)
class Cell:
    """One count of the matrix and how dark it is drawn: 0 (empty) to `SHADES`."""

    count: int
    shade: int


@dataclass(frozen=True)
class FlowView:
    """What the page shows of the label flows."""

    total: int
    labels: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    top: tuple[LabelFlow, ...]
    unlisted: int

    @property
    def has_matrix(self) -> bool:
        """Whether the labels are few enough for a matrix."""
        return bool(self.rows)

    @property
    def has_long_labels(self) -> bool:
        """Whether column labels have to stand upright."""
        return max(map(len, self.labels)) > 4


def flow_view(flows: tuple[LabelFlow, ...]) -> FlowView | None:
    """Arrange label flows for the page; None when there are none."""
    if not flows:
        return None
    counts = {(flow.given, flow.suggested): flow.count for flow in flows}
    labels = tuple(sorted({label for pair in counts for label in pair}, key=_natural))
    largest = max(counts.values())
    rows = tuple(
        (given, tuple(_cell(counts.get((given, other), 0), largest) for other in labels))
        for given in labels
    )
    top = tuple(sorted(flows, key=lambda flow: -flow.count)[:LISTED])
    total = sum(flow.count for flow in flows)
    return FlowView(
        total=total,
        labels=labels,
        rows=rows if len(labels) <= WIDEST else (),
        top=top,
        unlisted=total - sum(flow.count for flow in top),
    )


def _cell(count: int, largest: int) -> Cell:
    if count == 0:
        return Cell(0, 0)
    return Cell(count, math.ceil(SHADES * math.sqrt(count / largest)))


def _natural(label: str) -> tuple[int, float, str]:
    """Numbers in their own order, before words in theirs."""
    return (0, float(label), label) if label.isascii() and label.isdigit() else (1, 0.0, label)
