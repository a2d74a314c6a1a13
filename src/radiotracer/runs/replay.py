"""A recorded training done again, step by step, so that formulas can look at every step's weights.

The initial weights, the order of the examples, the learning rates and the optimiser's options are
those recorded; whether that reproduces the training is checked at every recorded checkpoint.

Bit for bit equal on the same machine, with the same torch and number of threads, are trainings that
do nothing but this at each step: load the rows, network in training mode, mean loss,
``zero_grad()``, ``backward()``, ``step()``. Memory layouts count as well, so they are recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import differences, identify
from radiotracer.data.examples import same_again, seen_by
from radiotracer.data.inputs import Inputs, answer
from radiotracer.errors import DataError, InputError, NotFiniteError, RunError
from radiotracer.runs.fidelity import Difference, Fidelity, compare
from radiotracer.runs.layout import lay_out
from radiotracer.runs.optimizers import rebuild_optimizer
from radiotracer.runs.random_state import random_state_kept
from radiotracer.runs.rows import TrainingData, take_rows
from radiotracer.runs.run import Run
from radiotracer.runs.schema import OptimizerSpec
from radiotracer.runs.weights import put_weights
from radiotracer.wrappers import private as copied

TrainingLoss = Callable[[Any, Any], Tensor]
"""Network outputs (n, ...) and targets (n, ...) to the loss that is trained on, a single number."""

StepLoss = Callable[[nn.Module, Inputs, Any], Tensor]
"""The network, inputs and targets of a batch to the loss that is trained on, a single number."""


@dataclass(frozen=True, eq=False)
class Step:
    """One optimiser step of a replay.

    Args:
        number: Counted from 1.
        epoch: Passes over the data completed before it.
        rows: Rows of its batch, in order; a row may occur twice.
        inputs: The batch's inputs, shape (n, ...) each.
        targets: The batch's targets, shape (n, ...).
        learning_rates: By name of each trained parameter.
    """

    number: int
    epoch: int
    rows: tuple[int, ...]
    inputs: Inputs
    targets: Any
    learning_rates: Mapping[str, float]


Watch = Callable[[Step, dict[str, Tensor]], None]
"""Given a step and the weights and buffers at hand; they change with the next step, so copy them to
keep them."""


def mean_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy in nats: logits (n, classes), int64 targets (n,) to a single number."""
    return F.cross_entropy(outputs, targets)


def replay(
    model: nn.Module,
    run: Run,
    train: TrainingData,
    *,
    training_loss: TrainingLoss = mean_cross_entropy,
    step_loss: StepLoss | None = None,
    before: Watch | None = None,
    after: Watch | None = None,
    one_at_a_time: bool = False,
) -> Fidelity:
    """Train a private copy of `model` again as `run` recorded it.

    The caller's network, random states, threads and settings stay as they are. Random layers draw
    from a stream of their own, the same one every time.

    Args:
        model: The network that was trained; its present weights do not matter.
        run: The recorded training.
        train: The data that it was trained on.
        training_loss: The loss that was trained on, a single number per batch.
        step_loss: In its place, where the loss is not one of the network's outputs.
        before: Called before each step, with the weights that the step starts from.
        after: Called after each step, with the weights that it led to.
        one_at_a_time: Another training on the same order: each example of a recorded batch is a
            step of its own, by plain gradient descent at the batch's learning rate divided by the
            batch's size. The network stays in evaluation mode, because batch normalisation over
            one example normalises the example by itself (and refuses inputs of shape (1, c)): its
            running statistics stay those of the initial weights.

    Returns:
        Whether the recorded checkpoints were reproduced.

    Raises:
        RunError: The run was recorded before replays were possible, a step has no recorded rows,
            the optimiser cannot be rebuilt, a file is damaged, or the network is another one.
        DataError: `train` is not what the run was trained on.
        InputError: The training loss is not a single number.
        NotFiniteError: The training loss became NaN or infinite.
    """
    initial = run.initial_weights()
    train = seen_by(model, train)
    # Data sets may draw random numbers when they are read, and watches whenever they look.
    with random_state_kept(), torch.inference_mode(False):
        # Not `torch.manual_seed`, which seeds other devices for good.
        torch.default_generator.manual_seed(0)
        _require_same_data(run, train)
        steps = recorded_batches(run)
        private = _prepare(model, run, initial)
        private.train(not one_at_a_time)
        spec = run.info.optimizer
        optimizer = rebuild_optimizer(private, _plain_descent(spec) if one_at_a_time else spec)
        checkpoints = {checkpoint.step: checkpoint for checkpoint in run.checkpoints}
        found: list[Difference] = []
        for number, batch in enumerate(_singly(steps) if one_at_a_time else steps, start=1):
            inputs, targets = take_rows(train, batch.rows)
            step = Step(
                number, batch.epoch, batch.rows, inputs, targets, run.by_parameter(batch.rates)
            )
            if before is not None:
                before(step, private.state_dict())
            for group, rate in zip(optimizer.param_groups, batch.rates, strict=True):
                group["lr"] = rate
            # The caller may have switched gradients off.
            with torch.enable_grad():
                if step_loss is None:
                    loss = training_loss(answer(private, inputs), targets)
                else:
                    loss = step_loss(private, inputs, targets)
                _require_usable(loss, number)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if after is not None:
                after(step, private.state_dict())
            if number in checkpoints and not one_at_a_time:
                checkpoint = checkpoints[number]
                difference = compare(checkpoint.file, run.weights(checkpoint), private.state_dict())
                found += [] if difference is None else [difference]
    return Fidelity(
        checkpoints=0 if one_at_a_time else len(checkpoints),
        first=found[0] if found else None,
        last=found[-1] if found else None,
        circumstances=_circumstances(run),
        one_at_a_time=one_at_a_time,
    )


@dataclass(frozen=True)
class RecordedBatch:
    """The rows of one recorded step, in order, and the learning rate of each parameter group."""

    epoch: int
    rows: tuple[int, ...]
    rates: tuple[float, ...]


def recorded_batches(run: Run) -> list[RecordedBatch]:
    """Every recorded step's batch, in order.

    Raises:
        RunError: A step is missing, nothing says which rows it learned from, or it names rows or
            learning rates that there are not.
    """
    table = run.steps()
    columns = (table[name].to_pylist() for name in ("step", "epoch", "batch", "learning_rates"))
    batches = []
    for number, (step, epoch, rows, rates) in enumerate(zip(*columns, strict=True), start=1):
        if step != number or not rows:
            raise RunError(
                expected=f"the rows that step {number} of {run.folder} learned from",
                came="none",
                do="record the training again, with recording.batches(loader) or "
                "recording.batch(rows)",
            )
        problem = _problem(rows, rates, run)
        if problem:
            raise RunError(
                expected=f"rows and learning rates that exist at step {number} of {run.folder}",
                came=problem,
                do="record the training again",
            )
        rest = (0.0,) * (len(run.info.optimizer.groups) - len(rates))
        batches.append(RecordedBatch(epoch, tuple(rows), (*rates, *rest)))
    return batches


def _problem(rows: list[int | None], rates: list[float | None], run: Run) -> str | None:
    examples, groups = run.info.data.examples, len(run.info.optimizer.groups)
    if any(row is None or not 0 <= row < examples for row in rows):
        return f"a row outside of the {examples} examples"
    if any(rate is None or not math.isfinite(rate) for rate in rates):
        return "a learning rate that is not finite"
    if len(rates) > groups:
        return f"{len(rates)} learning rates for {groups} parameter groups"
    return None


def _singly(batches: list[RecordedBatch]) -> Iterator[RecordedBatch]:
    for batch in batches:
        rates = tuple(rate / len(batch.rows) for rate in batch.rates)
        for row in batch.rows:
            yield RecordedBatch(batch.epoch, (row,), rates)


def _plain_descent(spec: OptimizerSpec) -> OptimizerSpec:
    return OptimizerSpec(name="SGD", groups=spec.groups, options=tuple({} for _ in spec.groups))


def _prepare(model: nn.Module, run: Run, initial: dict[str, Tensor]) -> nn.Module:
    """A private copy at the recorded initial weights, laid out in memory as they were."""
    private = copied(model)
    # Another architecture is refused here, before recorded strides meet shapes they do not fit.
    put_weights(private, initial)
    lay_out(private, run.info.initial.strides if run.info.initial else {})
    put_weights(private, initial)
    trained = {name for names in run.info.optimizer.groups for name in names}
    for name, parameter in private.named_parameters():
        if name in trained:
            # The caller may have frozen it since.
            parameter.requires_grad_(True)
            parameter.grad = None
    return private


def _require_same_data(run: Run, train: TrainingData) -> None:
    difference = differences(run.identity(), identify(train))
    if difference is not None:
        raise DataError(
            expected=f"the data that {run.folder} was trained on",
            came=f"other data: {difference}",
            do=f"{same_again(train)}, or train again on these",
        )


def _require_usable(loss: Tensor, number: int) -> None:
    if not isinstance(loss, Tensor) or loss.dim() != 0:
        raise InputError(
            expected="a training loss that is a single number",
            came=f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)[:100],
            do="use the mean over the batch, as in the training",
        )
    if not torch.isfinite(loss):
        raise NotFiniteError(
            expected=f"a finite training loss at step {number} of the replay",
            came=str(loss.item()),
            do="check that the loss and the network are those of the training",
        )


def _circumstances(run: Run) -> tuple[str, ...]:
    threads, release = run.info.threads, run.info.versions.get("torch")
    known = []
    if threads is not None and threads != torch.get_num_threads():
        known.append(f"recorded with {threads} threads, replayed with {torch.get_num_threads()}")
    if release is not None and release != version("torch"):
        known.append(f"recorded with torch {release}, replayed with {version('torch')}")
    return tuple(known)
