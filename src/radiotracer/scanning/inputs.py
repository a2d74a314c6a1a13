"""What the caller gave, held against what the run recorded and what its network takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset, Identity, Labels, differences, identify
from radiotracer.data.examples import examples_of, same_again
from radiotracer.data.identity import NO_CLASS
from radiotracer.data.inputs import call
from radiotracer.data.inputs import take as take_inputs
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import (
    WHOLE,
    Data,
    LossTask,
    Precision,
    Task,
    first_input,
)
from radiotracer.influence import Tracing
from radiotracer.influence.steady import require_same_reading
from radiotracer.influence.tracing import require_run
from radiotracer.runs import Run

Side = Literal["train", "validation", "incident"]


@dataclass(frozen=True)
class ScanInputs:
    """What a scan is asked about, and how it looks; workers in other processes are sent it.

    Args:
        model: The network that was trained; its device is where the work is done.
        run: Its recording.
        train: What it was trained on.
        validation: Clean examples that were not trained on, or None.
        incident: Examples that are known to be predicted wrongly, or None.
        task: What training minimised, and what is asked of examples that are no training examples.
        layers: Patterns of parameter names to trace; empty means all that were trained.
        batch_size: Examples per pass, at least 1.
        precision: Of forward passes.
        opened: The run with a private copy of the network, which `tracing` makes; never sent.
    """

    model: nn.Module = field(repr=False)
    run: Run
    train: Data = field(repr=False)
    validation: Data | None = field(default=None, repr=False)
    incident: Data | None = field(default=None, repr=False)
    task: Task = field(default_factory=LossTask, repr=False)
    layers: tuple[str, ...] = ()
    batch_size: int = 512
    precision: Precision = WHOLE
    opened: Tracing | None = field(default=None, repr=False, compare=False)

    @property
    def tracing(self) -> Tracing:
        """The run and a private copy of its network; made when it is first asked for.

        Whether losses repeat is seen once, when a scan is checked, and not by every worker.
        """
        if self.opened is None:
            tracing = Tracing.of(
                self.model,
                self.run,
                self.train,
                task=self.task,
                layers=self.layers,
                batch_size=self.batch_size,
                precision=self.precision,
                examine=False,
            )
            object.__setattr__(self, "opened", tracing)
            return tracing
        return self.opened

    @property
    def sides(self) -> dict[Side, Data]:
        """The examples, by what they are to the scan; without those that were not given."""
        given: dict[Side, Data | None] = {
            "train": self.train,
            "validation": self.validation,
            "incident": self.incident,
        }
        return {side: data for side, data in given.items() if data is not None}

    def __getstate__(self) -> dict[str, Any]:
        """Without the copy of the network: whoever gets this opens its own."""
        return {**self.__dict__, "opened": None}


def require_trained_on(run: Run, train: Data) -> Identity:
    """The identity of the training examples.

    Raises:
        DataError: It is not what the run recorded, or another one at each reading.
    """
    require_run(run)
    identity = identify(train)
    if identity.digest == run.info.data.digest:  # then nothing has to be read but this
        return identity
    require_same_reading(train)
    difference = differences(run.identity(), identity)
    raise DataError(
        expected=f"the data that {run.folder} was trained on",
        came=f"other data: {difference}",
        do=f"{same_again(train)}, or train again on these",
    )


def has_classes(run: Run) -> bool:
    """Whether some example that was trained on has a class: else there are no classes to speak of.

    Raises:
        InputError: It is no run.
    """
    require_run(run)
    return bool((run.identity().labels != NO_CLASS).any())


def require_same_kind(train: Data, other: Data) -> None:
    """Examples that know their kind and classes must have those of the training examples.

    Raises:
        DataError: They are of another kind, shape or classes.
    """
    if not (isinstance(train, Dataset) and isinstance(other, Dataset)):
        return
    ours, theirs = (_kind(each) for each in (train, other))
    if ours != theirs:
        raise DataError(
            expected=f"{ours}, like the training examples",
            came=theirs,
            do="pass examples of the same kind, or resize them",
        )
    pairs = enumerate(zip(train.class_names, other.class_names, strict=False))
    if not all(_may_be_one_class(number, *names) for number, names in pairs):
        raise DataError(
            expected=f"examples of the classes {', '.join(train.class_names[:10])}",
            came=", ".join(other.class_names[:10]),
            do="give the classes the same names in the same order",
        )


def _may_be_one_class(number: int, name: str, asked: str) -> bool:
    """Whether two names of the class with this number do not contradict each other.

    Where nobody named the classes they are called by their numbers, which fit every name, but no
    other number: digits 3 and 7 alone are not the classes 0 and 1.
    """
    if name == asked:
        return True
    if name.isdecimal() and asked.isdecimal():
        return int(name) == int(asked)
    return str(number) in (name, asked)


def _kind(examples: Dataset) -> str:
    """What the examples are, and what all that go into one network have in common."""
    shape = examples.modality.shape(examples.content)
    shown = ", ".join(f"{name} {value}" for name, value in shape.items())
    return f"{examples.modality.name} ({shown})" if shown else examples.modality.name


def class_names_of(tracing: Tracing, train: Data, labels: Mapping[str, Labels]) -> tuple[str, ...]:
    """The classes, as many as the network has outputs; a label beyond them is a `DataError`.

    Args:
        tracing: The run and its network.
        train: What the network is shown, to count its outputs.
        labels: The labels to hold against them, by whose they are ("validation").
    """
    classes = _outputs(tracing, train)
    names = tracing.run.info.data.class_names
    if names is not None and len(names) != classes:
        raise DataError(
            expected=f"a network with {len(names)} outputs, one per class",
            came=f"one with {classes}",
            do="pass the network that was trained",
        )
    for side, given in labels.items():
        if len(given) and (given == NO_CLASS).all():
            raise InputError(
                expected=f"a class number for each of the {side}, to scan a classifier",
                came="targets of another kind",
                do="use radiotracer.Tracer with the loss that was trained on",
            )
        outside = (given < 0) | (given >= classes)
        if outside.any():
            raise DataError(
                expected=f"labels from 0 to {classes - 1} in the {side}",
                came=f"{int(outside.sum())} outside them, first {given[outside][0]}",
                do="repair the labels",
            )
    return names or tuple(str(label) for label in range(classes))


def _outputs(tracing: Tracing, train: Data) -> int:
    with torch.no_grad():
        outputs = call(tracing.objective.model, first_input(train))
    if outputs.dim() != 2 or outputs.shape[1] < 2:
        raise InputError(
            expected="a classifier with outputs of shape (n, classes), two classes or more",
            came=f"outputs of shape (n, {', '.join(map(str, outputs.shape[1:]))})",
            do="scan a classifier, or use radiotracer.Tracer with a loss of your own",
        )
    return int(outputs.shape[1])


def take(data: Data, rows: NDArray[np.int64]) -> Data:
    """The examples at `rows`, in that order."""
    if isinstance(data, Dataset):
        return data.take(rows)
    if isinstance(data, tuple):
        return take_inputs(data[0], rows.tolist()), take_inputs(data[1], rows.tolist())
    return examples_of(data).take(rows.tolist())
