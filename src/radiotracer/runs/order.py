"""Which examples each batch of a `DataLoader` holds, without a change to the batches."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
from torch.utils.data import DataLoader, IterableDataset

from radiotracer.errors import InputError

Batch = TypeVar("Batch")


class BatchOrder:
    """Watches loaders, one pass at a time."""

    def __init__(self) -> None:
        # Workers that outlive a pass belong to one loader, so its copy outlives the pass too.
        self._persistent: dict[object, WatchedLoader[Any]] = {}

    def watch(self, loader: Iterable[Batch]) -> Iterator[tuple[list[int], Batch]]:
        """One pass over the loader: each batch with its rows.

        Raises:
            InputError: The order of this kind of loader cannot be seen.
        """
        watched: WatchedLoader[Batch] = self._watched(loader)
        for batch in watched.loader:
            yield watched.next_rows(), batch

    def _watched(self, loader: Iterable[Batch]) -> WatchedLoader[Batch]:
        if isinstance(loader, DataLoader) and loader in self._persistent:
            return self._persistent[loader]
        watched: WatchedLoader[Batch] = WatchedLoader(loader)
        if watched.loader.persistent_workers:
            self._persistent[loader] = watched
        return watched


class WatchedLoader(Generic[Batch]):
    """A copy of a loader, to be used in its place, that notes what its sampler hands out.

    Workers fetch ahead, and so do trainers, but batches arrive in the sampler's order, so the rows
    of the batch at hand are the oldest ones noted in this pass.

    Args:
        loader: A `DataLoader` over numbered examples; it is left as it is.

    Raises:
        InputError: The order of this kind of loader cannot be seen.
    """

    def __init__(self, loader: Iterable[Batch]) -> None:
        if not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset):
            raise _unseen(loader)
        # With automatic batching the batch sampler yields the rows of a batch; without it
        # (batch_size=None) the sampler itself does.
        name = "sampler" if loader.batch_sampler is None else "batch_sampler"
        self._sampler = _NotingSampler(getattr(loader, name))
        self.loader: DataLoader[Batch] = copy.copy(loader)
        # A loader lets nobody assign a sampler once it is made, hence __dict__.
        self.loader.__dict__[name] = self._sampler
        self.loader.__dict__["in_order"] = True
        self.loader.__dict__["_iterator"] = None

    def next_rows(self) -> list[int]:
        """The rows of the oldest batch of this pass that was not asked for yet.

        Raises:
            InputError: The sampler did not hand out any such batch.
        """
        if not self._sampler.rows:
            raise _unseen(self.loader)
        return self._sampler.rows.popleft()


class _NotingSampler:
    """A sampler that notes each batch of rows it hands out; each pass begins with none."""

    def __init__(self, sampler: Iterable[Any]) -> None:
        self._sampler = sampler
        self.rows: deque[list[int]] = deque()

    def __iter__(self) -> Iterator[Any]:
        rows: deque[list[int]] = deque()
        self.rows = rows
        for item in self._sampler:
            rows.append([int(row) for row in np.atleast_1d(np.asarray(item))])
            yield item

    def __len__(self) -> int:
        return len(self._sampler)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        """Trainers reach through samplers, for `set_epoch` above all."""
        if name == "_sampler":  # not there yet, in a copy
            raise AttributeError(name)
        return getattr(self._sampler, name)


def _unseen(loader: object) -> InputError:
    return InputError(
        expected="a torch DataLoader over numbered examples",
        came=f"a {type(loader).__name__}, whose order cannot be seen",
        do="call recording.batch(rows) before each optimizer.step() instead",
    )
