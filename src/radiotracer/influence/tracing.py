"""A run and its network, visited checkpoint by checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from radiotracer.data.inputs import Inputs, answer, named
from radiotracer.errors import DataError, InputError, NotFiniteError, RunError
from radiotracer.gradients import (
    WHOLE,
    Batch,
    Data,
    LossFunction,
    LossTask,
    Objective,
    Precision,
    Task,
    count,
    cross_entropy,
    engine_notes,
    first_input,
    in_batches,
    private_copy,
)
from radiotracer.influence.notes import parameter_notes, run_notes
from radiotracer.influence.steady import naming_failures, require_steady
from radiotracer.runs import Checkpoint, Run, StepLoss, TrainingLoss
from radiotracer.runs.random_state import random_state_kept

Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and how much there is."""


def silent(_: str, __: int, ___: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Tracing:
    """What every formula needs: the run, a private copy of its network, and a batch size.

    Formulas loop over the checkpoints outermost, so each file is read once. They work on the device
    of the network that the caller gave, and bring their results to the CPU.
    """

    run: Run
    objective: Objective
    batch_size: int
    progress: Progress = field(default=silent, repr=False, compare=False)

    @staticmethod
    def of(
        model: nn.Module,
        run: Run,
        data: Data,
        *,
        loss: LossFunction = cross_entropy,
        task: Task | None = None,
        layers: Sequence[str] = (),
        batch_size: int = 512,
        precision: Precision = WHOLE,
        progress: Progress = silent,
        examine: bool = True,
    ) -> Tracing:
        """Prepare to trace; the caller's network is copied and never touched.

        Args:
            model: The network that was trained; its present weights do not matter.
            run: The recorded training.
            data: Examples of the kind that the network takes, as the training side has them; a few
                are passed, to see that their losses are what they are (`require_steady`).
            loss: One loss per example.
            task: In place of a loss: what training minimised, and what queries ask.
            layers: Patterns of parameter names to trace; empty means all that were trained.
            batch_size: Examples per pass; scores do not depend on it.
            precision: Of forward passes.
            progress: Told how far a formula is.
            examine: Whether to see that losses repeat; else the caller has to (`require_steady`).

        Raises:
            InputError: No trained parameter matches a pattern, the precision cannot be had, the
                network or the task cannot be used, or losses do not repeat.
            DataError: The data are other examples at each reading.
            RunError: The network and the first checkpoint do not fit each other, or the learning
                rate was 0 at every checkpoint.
        """
        require_run(run)
        require_batch_size(batch_size)
        if not any(any(run.summed_rates(each).values()) for each in run.checkpoints):
            raise RunError(
                expected="a checkpoint with a learning rate above 0, which weighs its influence",
                came=f"0 at all of {len(run.checkpoints)}",
                do="record checkpoints before the schedule reaches 0 (checkpoint_every=1)",
            )
        first = run.checkpoints[0]
        # What draws random numbers though it should not is about to be found out.
        with random_state_kept():
            example = first_input(data)
            images = any(value.dim() == 4 for value in named(example).values())
            with naming_failures(1):
                objective = Objective.of(
                    model,
                    loss,
                    task=task,
                    example=example,
                    state=run.weights(first),
                    layers=layers,
                    trained=set(run.summed_rates(first)),
                    memory_format=torch.channels_last if images else torch.preserve_format,
                    precision=precision,
                )
            if examine:
                require_steady(objective, data)
        return Tracing(run, objective, batch_size, progress)

    @property
    def asked(self) -> Objective:
        """What is asked of queries, by the same network."""
        return self.objective.asked

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the scores should know of how they were computed, one line each."""
        engines = dict.fromkeys((*engine_notes(self.objective), *engine_notes(self.asked)))
        return (
            *run_notes(self.run),
            *parameter_notes(self.run, self.objective),
            *engines,
        )

    def checkpoints(self) -> Iterator[tuple[Checkpoint, dict[str, float]]]:
        """Load each checkpoint in turn; yield it with its learning rates by parameter name."""
        for number, checkpoint in enumerate(self.run.checkpoints):
            self.load(number)
            yield checkpoint, self.run.summed_rates(checkpoint)

    def load(self, number: int) -> None:
        """Load the checkpoint of this number, from 0."""
        self.objective.load(self.run.weights(self.run.checkpoints[number]))

    def batches(self, data: Data) -> Iterator[Batch]:
        """The examples in order, where the network is."""
        return in_batches(data, self.batch_size, device=self.objective.device)

    def held(
        self, train: Data, at: Checkpoint, *, done: int = 0, times: int = 1, of: int = 1
    ) -> Iterator[Batch]:
        """The training examples in order, where the network is; progress is told on the way.

        Args:
            train: The training examples, which are held against queries.
            at: The checkpoint that is loaded.
            done: Against how many queries they were held before.
            times: Against how many they are held now.
            of: How many queries there are, where each is held against each.
        """
        stage = f"checkpoint {self.run.checkpoints.index(at) + 1} of {len(self.run.checkpoints)}"
        n = count(train)
        passed = done * n
        for batch in self.batches(train):
            yield batch
            passed += times * len(batch)
            self.progress(stage, passed, n * of)

    def told_step(self, number: int) -> None:
        """Tell that a step of a replay is done."""
        self.progress("steps of the replay", number, self.run.checkpoints[-1].step)

    def step_loss(self, training_loss: TrainingLoss | None) -> StepLoss:
        """What a replay trains on: a loss of outputs, or the mean of what the task trains on."""
        task = self.objective.task
        if training_loss is not None and not callable(training_loss):
            raise InputError(
                expected="training_loss= as a function of outputs and targets",
                came=repr(training_loss)[:100],
                do="pass a function, or leave it out",
            )

        def loss(model: nn.Module, inputs: Inputs, targets: Tensor) -> Tensor:
            if training_loss is None:
                return task.train_loss(model, Batch(inputs, targets)).mean()
            return training_loss(answer(model, inputs), targets)

        return loss

    def one(self, data: Data) -> tuple[Inputs, Tensor]:
        """The first example alone, input and target, where the network is."""
        batch = next(in_batches(data, 1, device=self.objective.device))
        return batch.inputs, batch.targets

    def replayable(self) -> nn.Module:
        """The network on the CPU, where replays are done; only read."""
        model = self.objective.model
        return model if self.objective.device.type == "cpu" else private_copy(model).cpu()


def require_run(run: Run) -> None:
    """Raise `InputError` unless it is one, and not its folder."""
    if not isinstance(run, Run):
        raise InputError(
            expected="a recorded run, as radiotracer.Run",
            came=f"a {type(run).__name__}",
            do="pass radiotracer.Run.open(folder)",
        )


def require_loss(task: Task) -> None:
    """Raise `InputError` unless the task is a loss of the network's outputs."""
    if not isinstance(task, LossTask):
        raise InputError(
            expected="a loss of the network's outputs, for a formula of the last layer",
            came=f"the task {type(task).__name__}",
            do="pass loss=, or name the last layer's parameters: layers=['head.*']",
        )


def require_positive(name: str, value: float, usual: float) -> None:
    """Raise `InputError` unless a setting is a finite number above 0."""
    if not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InputError(expected=f"a positive {name}", came=str(value), do=f"pass {name}={usual}")


def require_batch_size(size: int) -> None:
    """Raise `InputError` unless a pass can take so many examples."""
    if not isinstance(size, int) or size < 1:
        raise InputError(
            expected="batch_size= of at least 1", came=str(size), do="pass, say, batch_size=512"
        )


def kind_of(inputs: Inputs) -> Hashable:
    """What inputs have in common for which one copy of a network, and one plan, will do.

    Token sequences, which are integers, may differ in length.
    """
    return tuple(
        (name, value.dtype, tuple(value.shape[1:]) if value.is_floating_point() else value.dim())
        for name, value in named(inputs).items()
    )


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
