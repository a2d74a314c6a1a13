"""Rows of the training data as one batch, as the training's own loader would have made it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from radiotracer.data import Dataset
from radiotracer.data.inputs import Inputs, collate, take
from radiotracer.data.tensors import Tensors

TrainingData = Dataset | tuple[Inputs, Tensor] | TorchDataset[Any]
"""`Dataset`, a pair (inputs, targets), or a map-style data set of such pairs; inputs are a tensor,
or tensors by name (`radiotracer.data.inputs`)."""


def take_rows(data: TrainingData, rows: Sequence[int]) -> tuple[Inputs, Tensor]:
    """Inputs and targets, shape (n, ...) each, of n rows; repeated rows are repeated.

    `Dataset` come as `Tensors` makes a batch of them (channels last in memory); a data set is
    read and collated by a `DataLoader`.
    """
    rows = list(rows)
    if isinstance(data, tuple):
        inputs, targets = data
        return take(inputs, rows), targets[rows]
    if isinstance(data, Dataset):
        return Tensors(data)[rows]
    # With a generator of its own, the loader leaves torch's global one alone.
    loader = DataLoader(data, batch_sampler=[rows], generator=torch.Generator(), collate_fn=collate)
    inputs, targets = next(iter(loader))
    return inputs, targets
