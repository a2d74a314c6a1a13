"""The columns of a table: scaled numbers, a 1 among 0s for categories, marks of what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.backbones.backbone import BACKBONES, Backbone, Look

if TYPE_CHECKING:
    from radiotracer.data import Dataset


def _open(_: Dataset) -> Look:
    from radiotracer.backbones.numbers import numbers_of

    return numbers_of


BACKBONES.register(
    Backbone(
        name="columns",
        summary="the columns, scaled",
        modalities=frozenset(("tables",)),
        open=_open,
        identify=lambda: "columns",
        rank=10,
        kept=False,
    )
)
