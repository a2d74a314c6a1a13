"""Data in any of the forms that people keep it, in batches and in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from typing import cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from radiotracer.data import Dataset
from radiotracer.data.inputs import Inputs, collate, first_not_finite, length, take
from radiotracer.data.tensors import Tensors
from radiotracer.errors import DataError, NotFiniteError
from radiotracer.gradients.objective import Batch
from radiotracer.runs import TrainingData

Data = TrainingData
"""`Dataset`, a pair (inputs, targets), or a map-style data set of such pairs; inputs are a tensor,
or tensors by name (`radiotracer.data.inputs`)."""


def count(data: Data) -> int:
    """How many examples there are."""
    if isinstance(data, tuple):
        return length(data[0])
    if isinstance(data, Mapping):
        raise DataError(
            expected="a pair (inputs, targets), or a data set of numbered items",
            came=f"a {type(data).__name__} without targets",
            do="give (mapping of inputs, targets)",
        )
    return len(cast(Sized, data))


def require_some(data: Data) -> None:
    """Raise `DataError` where there is no example."""
    if count(data) == 0:
        raise DataError(expected="at least one example", came="none", do="check the data")


def in_batches(
    data: Data,
    batch_size: int,
    rows: range | None = None,
    *,
    device: torch.device | None = None,
) -> Iterator[Batch]:
    """The examples in order, `batch_size` at a time (the last batch may be smaller).

    Args:
        data: The examples.
        batch_size: At least 1.
        rows: Consecutive rows; None is all.
        device: Where batches should be; None leaves them where the data are.

    Raises:
        DataError: There is no example, or not one target for each input.
        NotFiniteError: An input holds NaN or infinity.
    """
    require_some(data)
    rows = range(count(data)) if rows is None else rows
    start = rows.start
    for inputs, targets in _pairs(data, batch_size, rows):
        bad = first_not_finite(inputs)
        if bad is not None:
            raise NotFiniteError(
                expected="finite inputs",
                came=f"NaN or infinity in row {start + bad}",
                do="repair or remove that example",
            )
        batch = Batch(inputs, targets)
        yield batch if device is None else batch.to(device)
        start += len(batch)


def first_input(data: Data) -> Inputs:
    """A batch of the first input alone."""
    return next(in_batches(data, 1)).inputs


def _pairs(data: Data, batch_size: int, rows: range) -> Iterator[tuple[Inputs, Tensor]]:
    starts = rows[::batch_size]
    if isinstance(data, tuple):
        inputs, targets = data
        if length(inputs) != len(targets):
            raise DataError(
                expected="one target for each input",
                came=f"{length(inputs)} inputs and {len(targets)} targets",
                do="check the data",
            )
        for start in starts:
            stop = min(start + batch_size, rows.stop)
            yield take(inputs, slice(start, stop)), targets[start:stop]
    elif isinstance(data, Dataset):
        tensors = Tensors(data)
        for start in starts:
            yield tensors[slice(start, min(start + batch_size, rows.stop))]
    else:
        # With a generator of its own, the loader leaves torch's global one alone.
        some = data if len(rows) == count(data) else Subset(data, rows)
        yield from DataLoader(
            some, batch_size=batch_size, generator=torch.Generator(), collate_fn=collate
        )
