"""Which examples each batch of a `DataLoader` holds, without a change to the batches."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
from torch.utils.data import DataLoader, IterableDataset, Subset

from radiotracer.errors import DataError, InputError

Batch = TypeVar("Batch")


_AROUND = ("base_dataloader", "_dataloader")
"""Where Accelerate and Fabric keep the loader that theirs iterates over."""

_DIVIDES = "DataLoaderDispatcher"
"""A class of loaders that read in one process what another learns from."""


class BatchOrder:
    """Watches loaders, one pass at a time.

    Args:
        data: The examples whose rows are asked for; None where they are what the loaders read.
    """

    def __init__(self, data: Any = None) -> None:
        self._data = data
        # Workers that outlive a pass belong to one loader, so its copy outlives the pass too.
        self._persistent: dict[object, WatchedLoader[Any]] = {}

    def watch(self, loader: Iterable[Batch]) -> Iterator[tuple[list[int], Batch]]:
        """One pass over the loader: each batch with its rows.

        Args:
            loader: A `DataLoader`, or what Accelerate or Fabric put around one.

        Raises:
            InputError: The order of this kind of loader cannot be seen.
            DataError: It reads other examples than those of `data`.
        """
        outer, name, inner = _innermost(loader)
        watched = self._watched(inner)
        row_of = _row_map(watched.loader.dataset, self._data)
        skipped = getattr(loader, "skip_batches", 0)
        try:
            if name:
                vars(outer)[name] = watched.loader
            for batch in loader if name else watched.loader:
                for _ in range(skipped):
                    watched.next_rows()
                skipped = 0
                yield [row_of(row) for row in watched.next_rows()], batch
        finally:
            if name:
                vars(outer)[name] = inner

    def _watched(self, loader: Any) -> WatchedLoader[Any]:
        if isinstance(loader, DataLoader) and loader in self._persistent:
            return self._persistent[loader]
        watched: WatchedLoader[Any] = WatchedLoader(loader)
        if watched.loader.persistent_workers:
            self._persistent[loader] = watched
        return watched


def _innermost(loader: Any) -> tuple[Any, str, Any]:
    """The loader that hands out rows, and where in what it lies; "" where nothing is around it."""
    outer, name = None, ""
    while type(loader).__name__ != _DIVIDES and hasattr(loader, "__dict__"):
        around = next((each for each in _AROUND if each in vars(loader)), None)
        if around is None:
            break
        outer, name, loader = loader, around, vars(loader)[around]
    return outer, name, loader


def _row_map(read: Any, data: Any) -> Callable[[int], int]:
    """From the rows of what a loader reads to those of the data of which it may be a subset."""
    if data is None or read is data:
        return lambda row: row
    chain, bottom = [], read
    while isinstance(bottom, Subset) and bottom is not data:
        chain.append(bottom.indices)
        bottom = bottom.dataset
    if bottom is not data and _length(bottom) != _length(data):
        if _length(read) == _length(data):
            return lambda row: row
        raise DataError(
            expected=f"a loader over the {_length(data)} examples recorded, or a Subset of them",
            came=f"one over {_length(read)} others",
            do="pass the data that the loader reads, in the same order",
        )

    def row_of(row: int) -> int:
        for indices in chain:
            row = int(indices[row])
        return row

    return row_of


def _length(data: Any) -> int:
    return len(data[1] if isinstance(data, tuple | list) and len(data) == 2 else data)


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
        if (
            type(loader).__name__ == _DIVIDES
            or not isinstance(loader, DataLoader)
            or isinstance(loader.dataset, IterableDataset)
        ):
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
