"""Examples as tensors: the one place where pixels become what networks are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from radiotracer.data.examples import Examples


def to_inputs(images: np.ndarray) -> Tensor:
    """uint8 images (n, height, width, channels) to float32 in [0, 1], (n, channels, height, width).

    The memory layout stays channels-last, which is what CPU convolutions are fastest with.
    """
    # torch takes no array that it may not write to, as a memory map is: such a one is copied.
    ours = np.require(images, requirements=("C", "W"))
    return torch.from_numpy(ours).permute(0, 3, 1, 2).float() / 255.0


class ImageTensors(Dataset[tuple[Tensor, Tensor]]):
    """`Examples` as a torch data set of (float32 image in [0, 1], int64 label).

    Indexing with a list of rows gives a whole batch at once, so that a `DataLoader` with
    ``batch_size=None`` and a batch sampler collates nothing by itself.
    """

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self.examples)

    def __getitem__(self, row: int | Sequence[int]) -> tuple[Tensor, Tensor]:
        """One example (channels, height, width), or a batch for a list of rows."""
        rows = np.atleast_1d(np.asarray(row, dtype=np.int64))
        inputs = to_inputs(self.examples.images[rows])
        labels = torch.from_numpy(self.examples.labels[rows])
        return (inputs, labels) if isinstance(row, Sequence) else (inputs[0], labels[0])
