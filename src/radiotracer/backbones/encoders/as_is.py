"""The numbers themselves: of vectors, and of any kind whose inputs are one tensor of floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.backbones.backbone import BACKBONES, Backbone, Cells, Look

if TYPE_CHECKING:
    from radiotracer.data import Dataset


def _open(_: Dataset) -> Look:
    from radiotracer.backbones.numbers import numbers_of

    return numbers_of


FEW = 100
"""Numbers of an example up to which each may mean something by itself."""


def _cells(data: Dataset) -> Cells | None:
    from radiotracer.backbones.numbers import numbers_of

    values = numbers_of(data, slice(0, len(data)))
    return Cells(values) if values.shape[1] <= FEW else None


BACKBONES.register(
    Backbone(
        name="as-is",
        summary="the numbers as they are",
        modalities=None,
        open=_open,
        identify=lambda: "as-is",
        cells=_cells,
        kept=False,
    )
)
