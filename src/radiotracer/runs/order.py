"""Which examples each batch of a `DataLoader` holds, without a change to the batches."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from torch.utils.data import DataLoader, IterableDataset

from radiotracer.errors import InputError

Batch = TypeVar("Batch")


class BatchOrder:
    """Watches loaders: a copy of the loader notes what its sampler hands out.

    Workers fetch ahead, but batches arrive in the sampler's order, so the rows of the batch at hand
    are the oldest ones noted.
    """

    def __init__(self) -> None:
        # Workers that outlive a pass belong to one loader, so its copy outlives the pass too.
        self._persistent: dict[DataLoader[Any], DataLoader[Any]] = {}

    def watch(self, loader: Iterable[Batch]) -> Iterator[tuple[list[int], Batch]]:
        """One pass over the loader: each batch with its rows.

        Raises:
            InputError: The order of this kind of loader cannot be seen.
        """
        rows: deque[list[int]] = deque()
        for batch in self._noting(loader, rows):
            if not rows:
                raise _unseen(loader)
            yield rows.popleft(), batch

    def _noting(self, loader: Iterable[Batch], rows: deque[list[int]]) -> Iterable[Batch]:
        if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
            raise _unseen(loader)
        # With automatic batching the batch sampler yields the rows of a batch; without it
        # (batch_size=None) the sampler itself does.
        name = "sampler" if loader.batch_sampler is None else "batch_sampler"
        if loader in self._persistent:
            noting = self._persistent[loader]
            getattr(noting, name).rows = rows
            return noting
        noting = copy.copy(loader)
        # A loader lets nobody assign a sampler once it is made, hence __dict__.
        noting.__dict__[name] = _NotingSampler(getattr(loader, name), rows)
        noting.__dict__["in_order"] = True
        noting.__dict__["_iterator"] = None
        if loader.persistent_workers:
            self._persistent[loader] = noting
        return noting


class _NotingSampler:
    """A sampler that notes each batch of rows it hands out."""

    def __init__(self, sampler: Iterable[Any], rows: deque[list[int]]) -> None:
        self._sampler = sampler
        self.rows = rows

    def __iter__(self) -> Iterator[Any]:
        rows = self.rows
        for item in self._sampler:
            rows.append([int(row) for row in np.atleast_1d(np.asarray(item))])
            yield item

    def __len__(self) -> int:
        return len(self._sampler)  # type: ignore[arg-type]


def _unseen(loader: object) -> InputError:
    return InputError(
        expected="a torch DataLoader over numbered examples",
        came=f"a {type(loader).__name__}, whose order cannot be seen",
        do="call recording.batch(rows) before each optimizer.step() instead",
    )
