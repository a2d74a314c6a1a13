"""What is asked: which queries, and under which label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.data import Labels
from radiotracer.data.inputs import Inputs
from radiotracer.errors import InputError
from radiotracer.gradients import Batch, Data, in_batches, require_finite_losses
from radiotracer.influence import Tracing
from radiotracer.runs import take_rows

Rows = Sequence[int] | NDArray[np.integer]
"""Row numbers, shape (m,)."""

MOST_QUERIES = 1000
"""An explanation is for people to look at, and holds one number per training example and query."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """What the last checkpoint makes of m queries.

    Args:
        inputs: Shape (m, ...) each.
        labels: The class of the largest output, shape (m,).
        probabilities: Softmax of the outputs at that class, shape (m,).
    """

    inputs: Inputs
    labels: Labels
    probabilities: NDArray[np.float64]


def require_choice(rows: Rows | None, wrong: int | None, n: int) -> None:
    """Raise `InputError` unless `rows`, or `wrong` of them, can be asked of n queries."""
    if rows is not None and wrong is not None:
        raise InputError(
            expected="either rows of the queries or a number of wrong ones",
            came="both",
            do="leave one of them out",
        )
    if wrong is not None and wrong < 1:
        raise InputError(expected="wrong= of at least 1", came=str(wrong), do="pass, say, wrong=5")
    for row in () if rows is None else rows:
        # A mask is no list of rows, though True counts as 1.
        if isinstance(row, bool) or not isinstance(row, int | np.integer) or not 0 <= row < n:
            raise InputError(
                expected=f"rows from 0 to {n - 1} of the {n} queries",
                came=str(row),
                do="choose one of them",
            )
    asked = wrong if wrong is not None else n if rows is None else len(rows)
    if not 1 <= asked <= MOST_QUERIES:
        raise InputError(
            expected=f"from 1 to {MOST_QUERIES} queries", came=str(asked), do="choose some of them"
        )


def wrong_rows(tracing: Tracing, queries: Data, most: int) -> list[int]:
    """The first rows that the loaded checkpoint predicts wrongly, `most` of them or all there are.

    Raises:
        InputError: There are none.
    """
    rows: list[int] = []
    start = 0
    for batch in in_batches(queries, tracing.batch_size):
        outputs = _outputs(tracing, batch)
        missed = (outputs.argmax(dim=1) != batch.targets).nonzero()[:, 0]
        rows += (missed + start).tolist()
        start += len(batch)
        if len(rows) >= most:
            return rows[:most]
    if not rows:
        raise InputError(
            expected="a query that is predicted wrongly",
            came=f"none among {start}",
            do="name queries by their row numbers",
        )
    return rows


def predict(tracing: Tracing, queries: Data) -> Predicted:
    """What the loaded checkpoint makes of the queries."""
    batches = in_batches(queries, tracing.batch_size)
    outputs = torch.cat([_outputs(tracing, each) for each in batches])
    top = outputs.double().softmax(dim=1).max(dim=1)
    return Predicted(
        take_rows(queries, range(len(outputs)))[0], top.indices.numpy(), top.values.numpy()
    )


def _outputs(tracing: Tracing, batch: Batch) -> Tensor:
    with torch.no_grad():
        seen = tracing.objective.evaluate(batch.to(tracing.objective.device))
    require_finite_losses(seen.losses, where=tracing.run.checkpoints[-1].file)
    return seen.outputs.cpu()


def label_number(label: str | int, class_names: tuple[str, ...]) -> int:
    """A class by its name or, where no class has that name, by its number."""
    if isinstance(label, str) and label in class_names:
        return class_names.index(label)
    number = int(label) if isinstance(label, int) or (label.isascii() and label.isdecimal()) else -1
    if not 0 <= number < len(class_names):
        few = ", ".join(class_names[:20]) + ", …" * (len(class_names) > 20)
        raise InputError(
            expected=f"label= predicted, given, or a class by name or number ({few})",
            came=repr(label),
            do="choose one of them",
        )
    return number
