"""A training that somebody else's loop carries out, recorded as its hooks tell of it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from radiotracer.data import differences, identify
from radiotracer.data.examples import reader, same_again, seen_by
from radiotracer.errors import DataError, InputError, RunError
from radiotracer.runs import Recording, Run, record
from radiotracer.runs.beginning import write_info
from radiotracer.runs.order import WatchedLoader
from radiotracer.runs.random_state import random_state_kept
from radiotracer.runs.ranks import Ranks
from radiotracer.runs.schema import Checkpoint, Scalar
from radiotracer.runs.weights import same_weights, weights_of


class WatchedTraining:
    """One recording at a time: `watch`, `begin`, then `take` and `learn` for every batch,
    `end_pass`, and `end`.

    Args:
        out: Folder of the run.
        data: As in `record`; None is the loader that is watched.
        checkpoint_every: Passes over the data between checkpoints; 0 writes one at the end.
        overwrite: Replace an earlier recording in `out`.

    Raises:
        InputError: `checkpoint_every` is negative.
    """

    def __init__(
        self, out: str | os.PathLike[str], data: Any, *, checkpoint_every: int, overwrite: bool
    ) -> None:
        if checkpoint_every < 0:
            raise InputError(
                expected="checkpoint_every= of at least 0 passes over the data",
                came=str(checkpoint_every),
                do="pass checkpoint_every=1",
            )
        self._out = Path(out)
        self._data = data
        self._every = checkpoint_every
        self._overwrite = overwrite
        self._watched: WatchedLoader[Any] | None = None
        self._recording: Recording | None = None
        self._abandoned: weakref.finalize[Any, Any] | None = None
        self._rows: list[int] = []
        self._batches = 0

    def watch(self, loader: Any) -> DataLoader[Any]:
        """The loader to use instead of this one.

        Raises:
            InputError: The order of this kind of loader cannot be seen.
        """
        try:
            self._watched = WatchedLoader(loader)
        except InputError as error:
            raise InputError(
                expected=error.expected,
                came=error.came,
                do="train from one, or record a loop of your own with radiotracer.record",
            ) from error
        return self._watched.loader

    def is_watched(self, loader: object) -> bool:
        """Whether this is the loader that `watch` gave last."""
        return self._watched is not None and loader is self._watched.loader

    def begin(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        *,
        steps: int,
        seed: int | None = None,
        settings: dict[str, Scalar],
    ) -> None:
        """Begin to record; or go on, where the training goes on after a recorded checkpoint.

        Args:
            model: The network in training.
            optimizer: Its optimiser.
            steps: Optimiser steps that were taken before.
            seed: Of the training, where known.
            settings: Worth noting in the run.

        Raises:
            DataError: The data are not as many as the loader's, or not those recorded so far.
            RunError: Steps were taken of which there is no recording.
            InputError: As `record` has it.
        """
        assert self._watched is not None  # noqa: S101
        if self._recording is not None:
            self.end(RuntimeError("another training begins"))
        loader = self._watched.loader
        data = seen_by(model, loader if self._data is None else self._data)
        _require_as_many(data, loader)
        if steps and Ranks.joined().count > 1:
            raise RunError(
                expected="one process, to go on with a recording",
                came=f"{Ranks.joined().count} of them at step {steps}",
                do="train anew",
            )
        if steps:
            self._recording = self._resumed(model, optimizer, data, steps)
        else:
            self._recording = record(
                self._out,
                model,
                optimizer,
                data,
                checkpoint_every=self._every,
                seed=seed,
                settings=settings,
                overwrite=self._overwrite,
            )
        # Not every loop tells of its errors: then this does, at the latest when Python ends.
        self._abandoned = weakref.finalize(self, _interrupt, self._recording)
        self._batches = 0

    def take(self, number: int | None = None) -> None:
        """The next batch is at hand.

        Args:
            number: Counted from 0 in this pass, where batches may have been passed over.

        Raises:
            InputError: It came before, or the loader did not hand it out.
        """
        assert self._watched is not None  # noqa: S101
        passed_over = 0 if number is None else number - self._batches
        if passed_over < 0:
            raise InputError(
                expected=f"batch {self._batches} of the epoch or a later one",
                came=f"batch {number}",
                do="record a loop of your own with radiotracer.record",
            )
        for _ in range(passed_over + 1):
            self._rows = self._watched.next_rows()
            self._batches += 1

    def learn(self) -> None:
        """The next step learns from the batch at hand."""
        if self._recording is not None:
            self._recording.batch(self._rows)

    def forget(self) -> None:
        """The gradients since the last step are discarded."""
        if self._recording is not None:
            self._recording.forget_batches()

    def end_pass(self, *, whole: bool, last: bool) -> None:
        """A pass over the data has ended.

        Args:
            whole: With its last batch, and not before.
            last: No other follows: now is the time for a checkpoint, whatever `checkpoint_every`
                says.
        """
        if self._recording is None or not self._batches:
            return
        self._batches = 0
        if whole:
            self._recording.end_pass()
        if (last or not whole) and self._recording.unsaved_steps:
            self._recording.checkpoint()

    def end(self, error: BaseException | None = None) -> None:
        """The training has ended, by itself or by an error."""
        recording, self._recording = self._recording, None
        if self._abandoned is not None:
            self._abandoned.detach()
        if recording is not None:
            recording.__exit__(type(error) if error else None, error, None)

    def _resumed(self, model: nn.Module, optimizer: Optimizer, data: Any, steps: int) -> Recording:
        run = Run.open(self._out, allow_interrupted=True)
        kept = tuple(each for each in run.checkpoints if each.step <= steps)
        if not _is_at(run, kept, steps, model, optimizer):
            raise RunError(
                expected=f"in {self._out} the checkpoint from which this training goes on: at the "
                f"end of a pass, after step {steps}, with its weights and kind of optimiser",
                came="none such",
                do="resume from a state saved at the end of a recorded epoch, or train anew",
            )
        with random_state_kept():
            difference = differences(run.identity(), identify(data))
        if difference is not None:
            raise DataError(
                expected=f"the data that {self._out} was trained on so far",
                came=f"other data: {difference}",
                do=f"{same_again(data)}, or train anew",
            )
        info = run.info.model_copy(update={"status": "recording", "checkpoints": kept})
        write_info(self._out, info)
        for later in run.checkpoints[len(kept) :]:
            (self._out / later.file).unlink(missing_ok=True)
            (self._out / f"steps/{later.step:08d}.parquet").unlink(missing_ok=True)
        return Recording(self._out, model, optimizer, info, checkpoint_every=self._every)


def _require_as_many(data: Any, loader: DataLoader[Any]) -> None:
    given, handed_out = len(reader(data)), len(reader(loader))
    if given != handed_out:
        raise DataError(
            expected=f"the {handed_out} examples of the training loader",
            came=str(given),
            do="pass the data that the loader reads, in the same order",
        )


def _is_at(
    run: Run, kept: Sequence[Checkpoint], steps: int, model: nn.Module, optimizer: Optimizer
) -> bool:
    """Whether the last of these checkpoints is where the training is, between two passes."""
    return (
        bool(kept)
        and kept[-1].step == steps
        and kept[-1].epoch > run.steps()["epoch"][steps - 1].as_py()
        and same_weights(run.weights(kept[-1]), weights_of(model))
        and run.info.optimizer.name == type(optimizer).__name__
    )


def _interrupt(recording: Recording) -> None:
    recording.__exit__(RuntimeError, None, None)
