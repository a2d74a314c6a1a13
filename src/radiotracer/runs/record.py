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
from typing import Any, TypeVar

import pyarrow as pa
from torch import nn
from torch.optim import Optimizer

from radiotracer.errors import InputError
from radiotracer.runs.beginning import begin_run, write_info, write_table
from radiotracer.runs.optimizers import describe_optimizer
from radiotracer.runs.order import BatchOrder
from radiotracer.runs.schema import Checkpoint, ModelSpec, RunInfo, Scalar
from radiotracer.runs.weights import save_weights

Batch = TypeVar("Batch")


def record(
    out: str | os.PathLike[str],
    model: nn.Module,
    optimizer: Optimizer,
    data: Any,
    *,
    checkpoint_every: int = 1,
    seed: int | None = None,
    model_spec: ModelSpec | None = None,
    settings: dict[str, Scalar] | None = None,
    overwrite: bool = False,
) -> Recording:
    """Record a training into the folder `out`: use it as a context manager around the loop.

    Written, each file whole or not at all: ``run.json``; ``examples.parquet`` (id, SHA-256 and
    label of every example); ``initial.safetensors`` (the weights as they are now);
    ``checkpoints/*.safetensors``; ``steps/*.parquet`` (for every optimiser step the rows of its
    batch and the learning rate of each parameter group, as the scheduler had set it).

    What a replay needs is recorded as it is now: weights and the optimiser's options. A training
    that goes on with an optimiser's old state, or whose options change on the way (a cycled
    momentum), cannot be replayed; the replay will say so.

    Args:
        out: A new folder.
        model: The network in training. It is only read.
        optimizer: Its optimiser. A step hook is registered and removed again at the end.
        data: The training examples: `Dataset`, a data set of ``(input, target)`` or of mappings, a
            pair of tensors, or a `DataLoader`, whose collate function counts and whose order does
            not (`radiotracer.data.examples`). Row ``i`` must be what index ``i`` of the loader's
            sampler means. Where the loader's transforms are random, the same without them.
        checkpoint_every: Passes over the data between checkpoints; 0 leaves checkpoints to the
            caller.
        seed: The seed of the training, if it had one; only noted.
        model_spec: How to build the network again (reference networks know this by themselves).
        settings: Further settings worth noting.
        overwrite: Replace an earlier recording in `out`.

    Raises:
        InputError: `out` holds something already; or the examples or the network could not be
            traced later, whatever the loss.
        NotFiniteError: The inputs, or now or at a checkpoint the weights, hold NaN or infinity.
        StorageError: The disk refused.
    """
    if checkpoint_every < 0:
        raise InputError(
            expected="checkpoint_every= of at least 0 passes over the data",
            came=str(checkpoint_every),
            do="pass checkpoint_every=1",
        )
    info = begin_run(
        Path(out),
        model,
        optimizer,
        data,
        seed=seed,
        model_spec=model_spec,
        settings=settings or {},
        overwrite=overwrite,
    )
    return Recording(Path(out), model, optimizer, info, checkpoint_every=checkpoint_every)


class Recording:
    """A training being recorded; made by `record`.

    Args:
        folder: Of a run that has begun.
        model: The network in training.
        optimizer: Its optimiser.
        info: What the run is and has so far. Where it has checkpoints, `model` and `optimizer` are
            as they were at the last one, and the recording goes on from there.
        checkpoint_every: Passes over the data between checkpoints; 0 leaves checkpoints to the
            caller.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        optimizer: Optimizer,
        info: RunInfo,
        *,
        checkpoint_every: int,
    ) -> None:
        self.folder = folder
        self._model = model
        self._optimizer = optimizer
        self._info = info
        self._every = checkpoint_every
        last = info.checkpoints[-1] if info.checkpoints else None
        self._step = last.step if last else 0
        self._epoch = last.epoch if last else 0
        self._pending: list[int] = []
        self._log: list[tuple[int, int, list[int], list[float]]] = []
        self._order = BatchOrder()
        # Checkpoints leave only those names in `info` that were trained.
        self._groups = describe_optimizer(model, optimizer).groups
        self._trained = {name for names in info.optimizer.groups for name in names if last}
        self._hook = optimizer.register_step_post_hook(self._after_step)

    @property
    def info(self) -> RunInfo:
        """What ``run.json`` says at present."""
        return self._info

    @property
    def unsaved_steps(self) -> int:
        """Optimiser steps since the last checkpoint."""
        return len(self._log)

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
        self._hook.remove()
        status = "interrupted"
        try:
            if kind is None:
                if self._log:
                    self.checkpoint()
                status = "complete"
        finally:
            self._info = self._info.model_copy(update={"status": status})
            write_info(self.folder, self._info)

    def batches(self, loader: Iterable[Batch]) -> Iterator[Batch]:
        """The loader's batches, unchanged and in order, noting which examples each one holds.

        The end of the loader ends a pass over the data: every `every` passes a checkpoint follows.

        Args:
            loader: A `DataLoader` over the recorded data (any sampler, any number of workers).

        Raises:
            InputError: `loader` is something else, whose order cannot be seen.
        """
        for rows, batch in self._order.watch(loader):
            self.batch(rows)
            yield batch
        self.end_pass()

    def end_pass(self) -> None:
        """Say that a pass over the data has ended; `batches` does so by itself."""
        self._epoch += 1
        # No step since the last checkpoint: nothing has changed that a checkpoint could hold.
        if self._every and self._epoch % self._every == 0 and self._log:
            self.checkpoint()

    def batch(self, rows: Sequence[int]) -> None:
        """Say which rows of the data the next optimiser step learns from.

        Only for loops without a `DataLoader`; calls before one step add up.
        """
        self._pending.extend(int(row) for row in rows)

    def forget_batches(self) -> None:
        """Take back what `batch` said since the last step: no step will learn from these rows."""
        self._pending = []

    def checkpoint(self) -> Checkpoint:
        """Write the weights as they are now, and the steps since the last checkpoint.

        Raises:
            InputError: No optimiser step has been taken since the last checkpoint.
        """
        if not self._log:
            raise InputError(
                expected="an optimiser step before each checkpoint",
                came=f"none since step {self._step}",
                do="call optimizer.step() of the recorded optimiser, then checkpoint()",
            )
        file = f"checkpoints/{self._step:08d}.safetensors"
        checkpoint = Checkpoint(
            file=file,
            sha256=save_weights(self._model, self.folder / file),
            step=self._step,
            epoch=self._epoch,
            learning_rates=tuple(self._log[-1][3]),
        )
        steps, epochs, rows, rates = zip(*self._log, strict=True)
        write_table(
            {
                "step": pa.array(steps, pa.int64()),
                "epoch": pa.array(epochs, pa.int32()),
                "batch": pa.array(rows, pa.list_(pa.int64())),
                "learning_rates": pa.array(rates, pa.list_(pa.float64())),
            },
            self.folder / f"steps/{self._step:08d}.parquet",
        )
        self._log.clear()
        # An optimiser may hold frozen parameters; it trains those that get a gradient.
        groups = tuple(
            tuple(name for name in names if name in self._trained) for names in self._groups
        )
        self._info = self._info.model_copy(
            update={
                "checkpoints": (*self._info.checkpoints, checkpoint),
                "optimizer": self._info.optimizer.model_copy(update={"groups": groups}),
            }
        )
        write_info(self.folder, self._info)
        return checkpoint

    def _after_step(self, *_: object) -> None:
        # The learning rates are read after the step and before any scheduler moves them on.
        rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        if len(rates) != len(self._groups):
            raise InputError(
                expected="the parameter groups that the optimiser had when recording began",
                came=f"{len(rates)} groups where there were {len(self._groups)}",
                do="add every group before record(); a group that rests has learning rate 0",
            )
        self._trained.update(
            name for name, p in self._model.named_parameters() if p.grad is not None
        )
        self._step += 1
        self._log.append((self._step, self._epoch, self._pending, rates))
        self._pending = []
