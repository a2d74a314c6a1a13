"""Whether every example's loss is one number, before anything is computed from it.

A network that draws random numbers in evaluation mode (dropout that does not follow
``self.training``), a loss that depends on the other examples of the batch (batch statistics, losses
that compare examples), and data that are another example at each reading (random augmentation) have
no influence: scores would be other ones at each call. A few examples show it: they are read twice
and passed twice, together and alone.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from radiotracer.data.examples import Examples
from radiotracer.data.inputs import joined, named
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import Batch, Data, LossTask, Objective, in_batches
from radiotracer.gradients.memory import is_out_of_memory
from radiotracer.gradients.precision import rounding
from radiotracer.gradients.revealing import revealing_point
from radiotracer.runs.random_state import random_state_kept

READ = 8
"""Examples that are read twice: a coin tossed at each reading shows itself but for 1 in 256."""

PASSED = 2
"""How many of them are passed through the network, together and alone."""


def require_steady(objective: Objective, data: Data) -> None:
    """Pass a few examples, and refuse what gives them several losses.

    Args:
        objective: Network and task at any checkpoint.
        data: n examples, at least one.

    Raises:
        DataError: The data are other examples at each reading.
        InputError: The losses of the same examples differ by more than rounding from pass to pass,
            or with the batch that an example is in, or have no gradient; or the network or the task
            fails.
    """
    objective = objective.exact
    with random_state_kept(), torch.inference_mode(False), torch.no_grad():
        batch = require_same_reading(data).to(objective.device).ordinary()
        batch = batch.take(slice(PASSED))
        if len(batch) == 1:  # with a copy of itself it is in a batch, too
            batch = Batch(joined([batch.inputs] * 2), joined([batch.targets] * 2))
        # Where weights are zero, as in new heads, the losses would hide what is behind them.
        point = revealing_point(objective)
        together = _losses(objective, batch, point)
        if not together.isfinite().all():
            return  # the formula says at which checkpoint
        # The same kernels in the same order: usually not a bit differs.
        eps, size = torch.finfo(together.dtype).eps, float(together.abs().max())
        again = _losses(objective, batch, point)
        _require_close(together, again, math.sqrt(eps) * size, _drawing(objective))
        first = _differentiable_losses(objective, batch.take(slice(1)), point)
        second = _losses(objective, batch.take(slice(1, 2)), point)
        alone = torch.cat([first, second])
        if bool(((together - alone).abs() > 16 * eps * size).any()):
            room = _room(objective, batch, point, together)
            _require_close(together, alone, room, _depending(objective))


class Known:
    """Data that were looked at, as long as they live; what was changed in place is not noticed."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, bool, int], tuple[weakref.ref[Any], object]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: elsewhere they are other objects."""
        return {"_seen": {}}

    def has(self, objective: Objective, data: Data) -> bool:
        """Whether `add` was told of the same."""
        thing, collate = _thing(data), _collate(data)
        known = self._seen.get((id(thing), objective.asking, id(collate)))
        return known is not None and known[0]() is thing and known[1] is collate

    def add(self, objective: Objective, data: Data) -> None:
        """Remember data that are steady under an objective."""
        thing, collate = _thing(data), _collate(data)
        key = (id(thing), objective.asking, id(collate))
        with contextlib.suppress(TypeError):  # of a list there is no such reference
            self._seen[key] = (weakref.ref(thing), collate)


def _collate(data: Data) -> object:
    return getattr(data, "collate_fn", None)


def _thing(data: Data) -> object:
    """What stands for the data: a pair, and a view of a data set, are often made anew."""
    if isinstance(data, Examples):
        return data.source
    thing = data[0] if isinstance(data, tuple) else data
    return next(iter(thing.values())) if isinstance(thing, dict) else thing


def require_same_reading(data: Data) -> Batch:
    """The first examples; `DataError` where they are others when they are read again."""
    first, second = (next(in_batches(data, READ)) for _ in range(2))
    for ours, theirs in ((first.inputs, second.inputs), (first.targets, second.targets)):
        if not all(_equal(value, named(theirs)[name]) for name, value in named(ours).items()):
            raise DataError(
                expected="data that are the same examples at each reading",
                came="others when the first rows were read again",
                do="leave out random augmentation: pass the examples as they are",
            )
    return first


def _equal(left: Tensor, right: Tensor) -> bool:
    # NaN among targets may stand for one that is missing.
    return left.shape == right.shape and bool(
        ((left == right) | (left.isnan() & right.isnan())).all()
    )


def _differentiable_losses(objective: Objective, batch: Batch, point: dict[str, Tensor]) -> Tensor:
    """As `_losses`, of what has gradients: without any, all scores would be 0."""
    leaves = {
        name: value.detach().requires_grad_() if value.is_floating_point() else value
        for name, value in point.items()
    }
    with torch.enable_grad():
        losses = _losses(objective, batch, leaves)
    if not losses.requires_grad:
        raise InputError(
            expected=f"a {_number(objective)} that can be differentiated in the network's weights",
            came="one without a gradient (detached, rounded, or made of comparisons)",
            do="compute it from the outputs by operations that have one",
        )
    return losses.detach()


@contextlib.contextmanager
def naming_failures(examples: int) -> Iterator[None]:
    """Around a first pass: what fails in the caller's code becomes one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise InputError(
            expected=f"a network and a loss that take {examples} of these examples",
            came=f"{type(error).__name__}: {error}".splitlines()[0][:300],
            do="pass the network that was trained, and data like its own",
        ) from error


def _losses(objective: Objective, batch: Batch, point: dict[str, Tensor]) -> Tensor:
    """Shape (n,), on the CPU."""
    with naming_failures(len(batch)):
        return objective.evaluate(batch, point).losses.cpu()


def _room(objective: Objective, batch: Batch, point: dict[str, Tensor], losses: Tensor) -> float:
    """By how much losses may differ in another batch, where kernels sum in another order.

    As much as if every weight were rounded some bits earlier: what is small beside what it was
    computed from, like the loss of an example that was learned by heart, has few bits of its own.
    """
    generator = torch.Generator().manual_seed(2)
    moved = {
        name: value * (1 + _step(value) * torch.randn(value.shape, generator=generator).to(value))
        for name, value in point.items()
        if value.is_floating_point()
    }
    change = (_losses(objective, batch, {**point, **moved}) - losses).abs()
    own = _step(losses) * losses.abs()
    return float(change.nan_to_num(0.0, 0.0).max() + own.max())


def _step(value: Tensor) -> float:
    """Products are summed in single precision at least, over up to thousands of terms."""
    own = rounding(value)
    return max(own, 128 * min(own, torch.finfo(torch.float32).eps))


def _require_close(left: Tensor, right: Tensor, room: float, problem: tuple[str, str, str]) -> None:
    apart = (left - right).abs()
    if bool((apart <= room).all()):
        return
    row = int(torch.where(apart.isfinite(), apart, torch.inf).argmax())
    expected, why, do = problem
    raise InputError(
        expected=expected, came=f"{float(left[row]):.4g} and {float(right[row]):.4g}: {why}", do=do
    )


def _drawing(objective: Objective) -> tuple[str, str, str]:
    return (
        f"the same {_number(objective)} from two passes over one example in evaluation mode",
        "the network or the task draws random numbers",
        "let dropout and sampling follow self.training, F.dropout(x, p, self.training)",
    )


def _depending(objective: Objective) -> tuple[str, str, str]:
    return (
        f"a {_number(objective)} that does not depend on the other examples of a batch",
        "batch statistics or a comparison of examples take part",
        "let normalisation follow self.training, and compare no examples in the task",
    )


def _number(objective: Objective) -> str:
    if isinstance(objective.task, LossTask):
        return "loss"
    return "measurement" if objective.asking else "train_loss"
