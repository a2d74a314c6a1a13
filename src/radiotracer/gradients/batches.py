"""Data in any of the forms that people keep it, in batches and in order."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from radiotracer.data import Examples
from radiotracer.data.blocks import drop_pages
from radiotracer.data.tensors import ImageTensors
from radiotracer.errors import DataError, NotFiniteError
from radiotracer.gradients.objective import Batch

Data = Examples | tuple[Tensor, Tensor] | Dataset[tuple[Tensor, Tensor]]
"""`Examples`, a pair of tensors (inputs, targets), or a map-style data set of such pairs."""


def count(data: Data) -> int:
    """How many examples there are."""
    if isinstance(data, tuple):
        return len(data[0])
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
        if inputs.is_floating_point() and not torch.isfinite(inputs).all():
            bad = (~torch.isfinite(inputs)).reshape(len(inputs), -1).any(dim=1).nonzero()[0]
            raise NotFiniteError(
                expected="finite inputs",
                came=f"NaN or infinity in row {start + int(bad)}",
                do="repair or remove that example",
            )
        batch = Batch(inputs, targets)
        yield batch if device is None else batch.to(device)
        start += len(inputs)


def first_input(data: Data) -> Tensor:
    """A batch of the first input alone, shape (1, ...)."""
    return next(in_batches(data, 1)).inputs


def _pairs(data: Data, batch_size: int, rows: range) -> Iterator[tuple[Tensor, Tensor]]:
    starts = rows[::batch_size]
    if isinstance(data, tuple):
        inputs, targets = data
        if len(inputs) != len(targets):
            raise DataError(
                expected="one target for each input",
                came=f"{len(inputs)} inputs and {len(targets)} targets",
                do="check the data",
            )
        for start in starts:
            stop = min(start + batch_size, rows.stop)
            yield inputs[start:stop], targets[start:stop]
    elif isinstance(data, Examples):
        tensors = ImageTensors(data)
        for start in starts:
            stop = min(start + batch_size, rows.stop)
            batch = tensors[range(start, stop)]
            drop_pages(data.images[start:stop])
            yield batch
    else:
        # With a generator of its own, the loader leaves torch's global one alone.
        some = data if len(rows) == count(data) else Subset(data, rows)
        yield from DataLoader(some, batch_size=batch_size, generator=torch.Generator())
