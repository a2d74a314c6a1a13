"""Data in any of the forms that people keep it, in batches and in order."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from radiotracer.data.examples import Data, reader
from radiotracer.data.inputs import Inputs, first_not_finite
from radiotracer.errors import DataError, NotFiniteError
from radiotracer.gradients.task import Batch


def count(data: Data) -> int:
    """How many examples there are."""
    return len(reader(data))


def require_some(data: Data) -> None:
    """Raise `DataError` where there is no example."""
    _require_some(count(data))


def _require_some(examples: int) -> None:
    if examples == 0:
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
    examples = reader(data)
    _require_some(len(examples))
    rows = range(len(examples)) if rows is None else rows
    for start in rows[::batch_size]:
        stop = min(start + batch_size, rows.stop)
        batch = Batch(*examples.batch(slice(start, stop)))
        bad = first_not_finite(batch.inputs)
        if bad is not None:
            raise NotFiniteError(
                expected="finite inputs",
                came=f"NaN or infinity in row {start + bad}",
                do="repair or remove that example",
            )
        yield batch if device is None else batch.to(device)


def first_input(data: Data) -> Inputs:
    """A batch of the first input alone."""
    return next(in_batches(data, 1)).inputs
