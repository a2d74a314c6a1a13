"""Small pictures as they are, where no network that knows photographs is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radiotracer.backbones.backbone import BACKBONES, Backbone, Look

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from radiotracer.data import Dataset

SIDE = 32
"""Pixels that larger pictures are reduced to."""

BATCH = 256


def small(data: Dataset) -> NDArray[np.uint8]:
    """Pictures of at most `SIDE` pixels, uint8, shape (n, h, w, channels)."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    pictures: NDArray[np.uint8] = data.content
    if max(pictures.shape[1:3]) <= SIDE:
        return np.ascontiguousarray(pictures)
    found = []
    for start in range(0, len(pictures), BATCH):
        inputs = data.modality.inputs(pictures, slice(start, start + BATCH))
        assert isinstance(inputs, torch.Tensor)  # noqa: S101
        reduced = F.interpolate(inputs, (SIDE, SIDE), mode="bilinear", antialias=True)
        found.append((255.0 * reduced).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    return np.concatenate(found)


def _look(data: Dataset, rows: slice) -> NDArray[np.float32]:
    import numpy as np

    pictures = small(data.take(np.arange(rows.start, rows.stop)))
    return pictures.reshape(len(pictures), -1).astype(np.float32) / np.float32(255)


def _open(_: Dataset) -> Look:
    return _look


BACKBONES.register(
    Backbone(
        name="pixels",
        summary="a small network that is trained from nothing",
        modalities=frozenset(("images",)),
        open=_open,
        identify=lambda: f"pixels; {SIDE}",
        rank=90,
        pictures=small,
        kept=False,
    )
)
"""The last resort: what is fitted to it has everything to learn."""
