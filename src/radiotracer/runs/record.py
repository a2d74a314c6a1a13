"""Record a training from inside anybody's loop, in three added lines.

with record("runs/mine", model, optimizer, data) as recording:      # 1
    for epoch in range(epochs):
        for inputs, labels in recording.batches(loader):            # 2
            ...
    # a checkpoint is written after every pass; recording.checkpoint() writes one at will
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar

from torch import nn
from torch.optim import Optimizer

from radiotracer.data import identify
from radiotracer.errors import DataError, InputError
from radiotracer.files import empty_folder
from radiotracer.runs.beginning import begin_run
from radiotracer.runs.keeping import Keeper
from radiotracer.runs.layout import uncommon_strides
from radiotracer.runs.optimizers import describe_optimizer
from radiotracer.runs.order import BatchOrder
from radiotracer.runs.random_state import random_state_kept
from radiotracer.runs.ranks import Ranks
from radiotracer.runs.schema import Checkpoint, ModelSpec, RunInfo, Scalar
from radiotracer.runs.steps import StepLog
from radiotracer.runs.weights import weights_of
from radiotracer.runs.wrappers import optimizers_of, unwrapped

Batch = TypeVar("Batch")


def record(
    out: str | os.PathLike[str],
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    data: Any,
    *,
    averaged: nn.Module | None = None,
    checkpoint_every: int = 1,
    seed: int | None = None,
    model_spec: ModelSpec | None = None,
    settings: dict[str, Scalar] | None = None,
    overwrite: bool = False,
) -> Recording:
    """Record a training into the folder `out`: use it as a context manager around the loop.

    Written, each file whole or not at all: ``run.json``; ``examples.parquet`` (id, SHA-256 and
    label of every example); ``initial.safetensors`` (the weights as they are now);
    ``checkpoints/*.safetensors`` (what differs from them); ``steps/*.parquet`` (for every optimiser
    step the rows of its batch and the learning rate of each parameter group, as the scheduler had
    set it).

    What a replay needs is recorded as it is now: weights and the optimiser's options. A training
    that goes on with an optimiser's old state, or whose options change on the way (a cycled
    momentum), cannot be replayed; the replay will say so.

    Where several processes train together (torch.distributed), each calls this alike, with the same
    data; the rows of all become one run, which the first of them writes.

    Args:
        out: A new folder.
        model: The network in training, with or without what frameworks put around it
            (`DistributedDataParallel`, `torch.compile`, `fully_shard`, Accelerate, Fabric). It is
            only read.
        optimizer: Its optimiser, or all that train parts of it. Step hooks are registered and
            removed again at the end.
        data: The training examples: `Dataset`, a map-style dataset of ``(input, label)``, or a
            pair of tensors. An input may be a mapping of tensors, which the network takes as
            keywords; an item that is one has its label under `labels` or `label`. Row ``i`` must
            be what index ``i`` of the loader's sampler means, or of the data that the loader has a
            `Subset` of.
        averaged: A running mean of the network, such as `torch.optim.swa_utils.AveragedModel`,
            whose weights are kept beside: see `Run.open`.
        checkpoint_every: Passes over the data between checkpoints; 0 leaves checkpoints to the
            caller.
        seed: The seed of the training, if it had one; only noted.
        model_spec: How to build the network again (reference networks know this by themselves).
        settings: Further settings worth noting.
        overwrite: Replace an earlier recording in `out`.

    Raises:
        InputError: `out` holds something already; `data` is of a kind that has no identity.
        DataError: Processes of one training have different data.
        NotFiniteError: The inputs, or now or at a checkpoint the weights, hold NaN or infinity.
        StorageError: The disk refused.
    """
    if checkpoint_every < 0:
        raise InputError(
            expected="checkpoint_every= of at least 0 passes over the data",
            came=str(checkpoint_every),
            do="pass checkpoint_every=1",
        )
    ranks = Ranks.joined()
    weights = weights_of(model)
    trained_by = describe_optimizer(model, optimizers_of(optimizer))
    info = ranks.once(
        lambda: begin_run(
            Path(out),
            model_spec or ModelSpec.of_class(unwrapped(model)),
            weights,
            trained_by,
            data,
            strides=uncommon_strides(unwrapped(model)),
            seed=seed,
            settings=settings or {},
            overwrite=overwrite,
        )
    )
    try:
        _require_one_data_set(ranks, data, info)
    except DataError:
        ranks.once(lambda: empty_folder(Path(out)))
        raise
    return Recording(
        Path(out),
        model,
        optimizer,
        info,
        data=data,
        averaged=averaged,
        checkpoint_every=checkpoint_every,
    )


class Recording:
    """A training being recorded; made by `record`.

    Args:
        folder: Of a run that has begun.
        model: The network in training.
        optimizer: Its optimiser, or optimisers.
        info: What the run is and has so far. Where it has checkpoints, `model` and `optimizer` are
            as they were at the last one, and the recording goes on from there.
        data: What was recorded; None where loaders have no `Subset` of it.
        averaged: A running mean of the network, or None.
        checkpoint_every: Passes over the data between checkpoints; 0 leaves checkpoints to the
            caller.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        optimizer: Optimizer | Sequence[Optimizer],
        info: RunInfo,
        *,
        data: Any = None,
        averaged: nn.Module | None = None,
        checkpoint_every: int,
    ) -> None:
        self.folder = folder
        self._every = checkpoint_every
        last = info.checkpoints[-1] if info.checkpoints else None
        self._order = BatchOrder(data)
        self._steps = StepLog(
            model,
            optimizers_of(optimizer),
            number=last.step if last else 0,
            epoch=last.epoch if last else 0,
        )
        self._keeper = Keeper(folder, info, model, averaged)

    @property
    def info(self) -> RunInfo:
        """What ``run.json`` says at present."""
        return self._keeper.info

    @property
    def unsaved_steps(self) -> int:
        """Optimiser steps since the last checkpoint."""
        return len(self._steps.steps)

    def __enter__(self) -> Recording:
        """The recording itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish: the run is `complete` unless the loop raised."""
        self._steps.close()
        status: Literal["interrupted", "complete"] = "interrupted"
        try:
            if kind is None:
                if self.unsaved_steps:
                    self.checkpoint()
                status = "complete"
        finally:
            self._keeper.end(status)

    def batches(self, loader: Iterable[Batch]) -> Iterator[Batch]:
        """The loader's batches, unchanged and in order, noting which examples each one holds.

        The end of the loader ends a pass over the data: every `every` passes a checkpoint follows.

        Args:
            loader: A `DataLoader` over the recorded data or a `Subset` of it (any sampler, any
                number of workers), or what Accelerate or Fabric made of one.

        Raises:
            InputError: `loader` is something else, whose order cannot be seen, or is over other
                data.
        """
        for rows, batch in self._order.watch(loader):
            self.batch(rows)
            yield batch
        self.end_pass()

    def end_pass(self) -> None:
        """Say that a pass over the data has ended; `batches` does so by itself."""
        self._steps.epoch += 1
        # No step since the last checkpoint: nothing has changed that a checkpoint could hold.
        due = self._every and self._steps.epoch % self._every == 0
        if due and self.unsaved_steps:
            self.checkpoint()

    def batch(self, rows: Sequence[int]) -> None:
        """Say which rows of the data the next optimiser step learns from.

        Only for loops without a `DataLoader`; calls before one step add up.
        """
        self._steps.announce(rows)

    def forget_batches(self) -> None:
        """Take back what `batch` said since the last step: no step will learn from these rows."""
        self._steps.forget()

    def checkpoint(self) -> Checkpoint:
        """Write the weights as they are now, and the steps since the last checkpoint.

        Raises:
            InputError: No optimiser step has been taken since the last checkpoint, or a parameter
                was trained by an optimiser that is not recorded.
        """
        checkpoint = self._keeper.keep(self._steps)
        self._steps.clear()
        return checkpoint


def _require_one_data_set(ranks: Ranks, data: Any, info: RunInfo) -> None:
    with random_state_kept():
        mine = info.data.digest if ranks.writes else identify(data).digest
    digests = ranks.every(mine)
    other = next((rank for rank, each in enumerate(digests) if each != digests[0]), None)
    if other is not None:
        raise DataError(
            expected="the same data in every process of the training",
            came=f"other data in process {other} than in process 0",
            do="pass all examples everywhere, and divide them by a DistributedSampler",
        )
