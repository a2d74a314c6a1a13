"""What the caller gave, held against what the run recorded and what its network takes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Subset

from radiotracer.data import Dataset, Identity, Labels, differences, identify
from radiotracer.data.inputs import call
from radiotracer.data.inputs import take as take_inputs
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import Data, first_input
from radiotracer.influence import Tracing
from radiotracer.runs import Run


def require_trained_on(run: Run, train: Data) -> Identity:
    """The identity of the training examples; `DataError` unless it is what the run recorded."""
    identity = identify(train)
    if identity.digest == run.info.data.digest:  # then nothing has to be read but this
        return identity
    difference = differences(run.identity(), identity)
    raise DataError(
        expected=f"the data that {run.folder} was trained on",
        came=f"other data: {difference}",
        do="pass the same data, or train again on these",
    )


def require_same_kind(train: Data, queries: Data | None) -> None:
    """Queries that know their shape and classes must have those of the training examples."""
    if not (isinstance(train, Dataset) and isinstance(queries, Dataset)):
        return
    shape, other = (str(_input_shape(each)) for each in (train, queries))
    if shape != other:
        raise DataError(
            expected=f"queries of the training examples' shape {shape}",
            came=other,
            do="pass queries of the same kind, or resize them",
        )
    pairs = enumerate(zip(train.class_names, queries.class_names, strict=False))
    if not all(_may_be_one_class(number, *names) for number, names in pairs):
        raise DataError(
            expected=f"queries of the classes {', '.join(train.class_names[:10])}",
            came=", ".join(queries.class_names[:10]),
            do="give the classes of the queries the same names in the same order",
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


def _input_shape(examples: Dataset) -> tuple[int, ...]:
    """The shape of an input: (channels, height, width)."""
    _, height, width, channels = examples.content.shape
    return channels, height, width


def class_names_of(tracing: Tracing, train: Data, labels: Mapping[str, Labels]) -> tuple[str, ...]:
    """The classes, as many as the network has outputs; a label beyond them is a `DataError`.

    Args:
        tracing: The run and its network.
        train: What the network is shown, to count its outputs.
        labels: The labels to hold against them, by whose they are ("queries").
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
        return take_inputs(data[0], rows.tolist()), data[1][rows]
    return Subset(data, rows.tolist())
