"""A run and its network, visited checkpoint by checkpoint."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from radiotracer.data.inputs import Inputs, named
from radiotracer.errors import DataError, NotFiniteError, RunError
from radiotracer.gradients import (
    WHOLE,
    Batch,
    Data,
    LossFunction,
    Objective,
    Precision,
    cross_entropy,
    engine_notes,
    first_input,
    in_batches,
)
from radiotracer.runs import Checkpoint, Run, put_weights
from radiotracer.wrappers import private


@dataclass(frozen=True)
class Tracing:
    """What every formula needs: the run, a private copy of its network, and a batch size.

    Formulas loop over the checkpoints outermost, so each file is read once. They work on the device
    of the network that the caller gave, and bring their results to the CPU.
    """

    run: Run
    objective: Objective
    batch_size: int

    @staticmethod
    def of(
        model: nn.Module,
        run: Run,
        data: Data,
        *,
        loss: LossFunction = cross_entropy,
        layers: Sequence[str] = (),
        batch_size: int = 512,
        precision: Precision = WHOLE,
    ) -> Tracing:
        """Prepare to trace; the caller's network is copied and never touched.

        Args:
            model: The network that was trained; its present weights do not matter.
            run: The recorded training.
            data: Examples of the kind that the network takes.
            loss: One loss per example.
            layers: Patterns of parameter names to trace; empty means all that were trained.
            batch_size: Examples per pass; scores do not depend on it.
            precision: Of forward passes.

        Raises:
            InputError: No trained parameter matches a pattern, or the precision cannot be had.
            RunError: The network and the first checkpoint do not fit each other, or the learning
                rate was 0 at every checkpoint.
        """
        if not any(any(run.summed_rates(each).values()) for each in run.checkpoints):
            raise RunError(
                expected="a checkpoint with a learning rate above 0, which weighs its influence",
                came=f"0 at all of {len(run.checkpoints)}",
                do="record checkpoints before the schedule reaches 0 (checkpoint_every=1)",
            )
        # The weights come first: a network of another architecture may not even take the inputs.
        first = run.checkpoints[0]
        trained = private(model)
        put_weights(trained, run.weights(first))
        example = first_input(data)
        images = any(value.dim() == 4 for value in named(example).values())
        objective = Objective.of(
            trained,
            loss,
            example=example,
            layers=layers,
            trained=set(run.summed_rates(first)),
            memory_format=torch.channels_last if images else torch.preserve_format,
            precision=precision,
        )
        return Tracing(run, objective, batch_size)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the scores should know of how they were computed, one line each."""
        idle = [
            checkpoint.file
            for checkpoint in self.run.checkpoints
            if not any(self.run.summed_rates(checkpoint).values())
        ]
        notes = [f"Learning rate 0 at {file}: it counts nothing." for file in idle]
        return (*notes, *engine_notes(self.objective))

    def checkpoints(self) -> Iterator[tuple[Checkpoint, dict[str, float]]]:
        """Load each checkpoint in turn; yield it with its learning rates by parameter name."""
        for number, checkpoint in enumerate(self.run.checkpoints):
            self.load(number)
            yield checkpoint, self.run.summed_rates(checkpoint)

    def load(self, number: int) -> None:
        """Load the checkpoint of this number, from 0."""
        self.objective.load(self.run.weights(self.run.checkpoints[number]))

    def batches(self, data: Data, rows: range | None = None) -> Iterator[Batch]:
        """The examples at `rows`, or all, in order, where the network is."""
        return in_batches(data, self.batch_size, rows, device=self.objective.device)

    def one(self, data: Data) -> tuple[Inputs, Tensor]:
        """The first example alone, input and target, where the network is."""
        batch = next(in_batches(data, 1, device=self.objective.device))
        return batch.inputs, batch.targets

    def replayable(self) -> nn.Module:
        """The network on the CPU, where replays are done; only read."""
        model = self.objective.model
        return model if self.objective.device.type == "cpu" else copy.deepcopy(model).cpu()


def require_alike(train: Data, queries: Data) -> None:
    """Raise `DataError` when queries cannot be what the network was trained on.

    Token sequences, which are integers, may differ in length.
    """
    ours, theirs = named(first_input(train)), named(first_input(queries))
    if ours.keys() != theirs.keys() or not all(_alike(ours[name], theirs[name]) for name in ours):
        raise DataError(
            expected=f"queries like the training examples, {_kind(ours)}",
            came=_kind(theirs),
            do="pass queries of the same kind, or resize them",
        )


def _alike(ours: Tensor, theirs: Tensor) -> bool:
    if ours.is_floating_point() != theirs.is_floating_point():
        return False
    return ours.shape == theirs.shape or (
        not ours.is_floating_point() and ours.dim() == theirs.dim()
    )


def _kind(inputs: Mapping[str, Tensor]) -> str:
    return ", ".join(
        f"{name} {str(value.dtype).removeprefix('torch.')} of shape "
        f"{tuple(value.shape[1:])}".lstrip()
        for name, value in inputs.items()
    )


def require_finite_scores(scores: Tensor, *, where: str) -> None:
    """Raise `NotFiniteError` when a score is NaN or infinite: a loss or a gradient overflowed."""
    bad = ~torch.isfinite(scores)
    if bad.any():
        raise NotFiniteError(
            expected=f"finite influence at {where}",
            came=f"{int(bad.sum())} NaN or infinite of {bad.numel()}",
            do="check the scale of the inputs, or lower the learning rate and train again",
        )
