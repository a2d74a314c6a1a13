"""The columns of a table: scaled numbers, a 1 among 0s for categories, marks of what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.backbones.backbone import BACKBONES, Backbone, Cells, Look

if TYPE_CHECKING:
    from radiotracer.data import Dataset


def _open(_: Dataset) -> Look:
    from radiotracer.backbones.numbers import numbers_of

    return numbers_of


MOST_CATEGORIES = 255
"""Categories of a column that trees tell apart; of more they take the numbers for an order."""


def _cells(data: Dataset) -> Cells:
    columns = data.content.columns
    few = (
        place
        for place, column in enumerate(columns)
        if column.categories is not None and len(column.categories) <= MOST_CATEGORIES
    )
    return Cells(data.content.values, tuple(few))


BACKBONES.register(
    Backbone(
        name="columns",
        summary="the columns, scaled",
        modalities=frozenset(("tables",)),
        open=_open,
        identify=lambda: "columns",
        rank=10,
        cells=_cells,
        kept=False,
    )
)
