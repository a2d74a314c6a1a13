"""The numbers themselves: of vectors, and of any kind whose inputs are one tensor of floats."""

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
        name="as-is",
        summary="the numbers as they are",
        modalities=None,
        open=_open,
        identify=lambda: "as-is",
        kept=False,
    )
)
