"""Rows of the training data as one batch, as the training's own loader would have made it."""

from __future__ import annotations

from collections.abc import Sequence

from radiotracer.data.examples import Data, reader
from radiotracer.data.inputs import Inputs

TrainingData = Data
"""Whatever a training was carried out on."""


def take_rows(data: TrainingData, rows: Sequence[int]) -> tuple[Inputs, Inputs]:
    """Inputs and targets, shape (n, ...) each, of n rows; repeated rows are repeated.

    `Dataset` come as `Tensors` makes a batch of them (channels last in memory).
    """
    return reader(data).batch(list(rows))
