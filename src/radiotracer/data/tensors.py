"""A data set as torch's loaders take it: inputs and labels by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from radiotracer.data.dataset import Dataset
from radiotracer.data.inputs import Inputs, each


class Tensors(TorchDataset[tuple[Inputs, Tensor]]):
    """A `Dataset` as a torch data set of (inputs, int64 label), as its modality makes inputs.

    Indexing with a list of rows gives a whole batch at once, so that a `DataLoader` with
    ``batch_size=None`` and a batch sampler collates nothing by itself.
    """

    def __init__(self, data: Dataset) -> None:
        self.data = data

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self.data)

    def __getitem__(self, row: int | Sequence[int] | slice) -> tuple[Inputs, Tensor]:
        """One example, or a batch for a list of rows or a stretch of them."""
        one = isinstance(row, int | np.integer)
        rows = row if isinstance(row, slice) else np.atleast_1d(np.asarray(row, dtype=np.int64))
        inputs = self.data.modality.inputs(self.data.content, rows)
        labels = torch.from_numpy(self.data.labels[rows])
        return (each(inputs, lambda value: value[0]), labels[0]) if one else (inputs, labels)

    def one(self, row: int) -> tuple[Inputs, Inputs]:
        """One example."""
        return self[row]

    def batch(self, rows: Sequence[int] | slice) -> tuple[Inputs, Inputs]:
        """Some examples, shape (len(rows), ...) each."""
        return self[rows]
