"""What is asked of an example: the number that training minimised, and the number of a query.

Both sides of every formula are gradients of one number per example. A task says which:

    class Answer:
        '''Texts were trained on; a query asks for the log-probability of its last token.'''

        def train_loss(self, model, batch):      # what training minimised, shape (n,)
            return causal_lm_loss(model(batch.inputs), batch.targets)

        def measurement(self, model, batch):     # what a query asks, shape (n,)
            logits = model(batch.inputs)[:, -2].log_softmax(dim=1)
            return -logits.gather(1, batch.targets[:, -1:])[:, 0]

Sign: positive influence = proponent = training on the example lowered the measurement. So a
measurement is something to be lowered, like a loss: of what should be high (a margin, a logit, a
log-probability) return the negative, and proponents are those that raised it.

Each number may depend on its own example alone, and not on chance: what stands in the same batch,
batch statistics and random numbers have no gradient of their own (`influence/steady.py` looks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data.inputs import Inputs, answer, each, length, named, take
from radiotracer.errors import InputError

LossFunction = Callable[[Any, Any], Tensor]
"""Network outputs (n, ...) and targets (n, ...) to one loss per example, shape (n,).

Each is a tensor, or several as `Inputs` are: see `radiotracer.data.inputs.answered`.
"""


@dataclass(frozen=True)
class Batch:
    """Inputs and targets of the same n examples: a tensor (n, ...), or several as `Inputs` are."""

    inputs: Inputs
    targets: Any

    def __len__(self) -> int:
        """How many examples."""
        return length(self.inputs)

    @property
    def device(self) -> torch.device:
        """Where the inputs are."""
        return next(iter(named(self.inputs).values())).device

    def take(self, rows: slice) -> Batch:
        """Some of the examples."""
        return Batch(take(self.inputs, rows), take(self.targets, rows))

    def to(self, device: torch.device) -> Batch:
        """The same examples on a device."""
        # What comes back from a device must be complete before anybody reads it.
        wait = device.type != "cuda"
        return self._each(lambda value: value.to(device, non_blocking=not wait))

    def ordinary(self) -> Batch:
        """The same examples in tensors that can take part in backward passes.

        Tensors made in inference mode cannot; copies of them can.
        """
        return self._each(lambda value: value.clone() if value.is_inference() else value)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(each(self.inputs, change), each(self.targets, change))


class Task(Protocol):
    """What training minimised, and what a query asks; any object with these two methods.

    The model is the private copy at some checkpoint, in evaluation mode, with its parameters where
    they can be differentiated; call it, or parts of it, as the training did. The batch has
    ``inputs`` and ``targets`` on the model's device.
    """

    def train_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of each example that training minimised, floating-point, shape (n,)."""

    def measurement(self, model: nn.Module, batch: Batch) -> Tensor:
        """What a query asks, lower is better, floating-point, shape (n,)."""


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy per example in nats: logits (n, classes), int64 targets (n,) to (n,).

    Raises:
        InputError: Logits of another number of axes, as language models give them.
    """
    if not isinstance(outputs, Tensor) or outputs.dim() != 2:
        raise InputError(
            expected="logits of shape (n, classes)",
            came=f"shape {tuple(outputs.shape)}"
            if isinstance(outputs, Tensor)
            else f"a {type(outputs).__name__} of several",
            do="pass a loss of your own, or loss=radiotracer.gradients.causal_lm_loss",
        )
    return F.cross_entropy(outputs, targets, reduction="none")


@dataclass(frozen=True)
class LossTask:
    """A loss of the network's outputs, both trained on and asked about.

    Args:
        loss: One loss per example.
    """

    loss: LossFunction = cross_entropy

    def train_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss of each example, shape (n,)."""
        return self.loss(answer(model, batch.inputs), batch.targets)

    measurement = train_loss


def task_of(loss: LossFunction, task: Task | None) -> Task:
    """The task that was given, or that of a loss.

    Raises:
        InputError: Both were given, or something without the two methods.
    """
    if task is None:
        if not callable(loss):
            raise InputError(
                expected="loss= as a function of outputs and targets",
                came=f"a {type(loss).__name__}",
                do="pass a function, or task= with train_loss and measurement",
            )
        return LossTask(loss)
    if loss is not cross_entropy:
        raise InputError(expected="loss= or task=", came="both", do="leave one of them out")
    lacking = [
        name for name in ("train_loss", "measurement") if not callable(getattr(task, name, None))
    ]
    if lacking or isinstance(task, type):
        raise InputError(
            expected="task= as an object with the methods train_loss and measurement",
            came=f"the class {task.__name__}"
            if isinstance(task, type)
            else f"a {type(task).__name__} without {' and '.join(lacking)}",
            do="give it both, each of (model, batch) to one number per example",
        )
    return task


def words_of(task: Task) -> str:
    """What a task is called: its class, or the loss of a `LossTask`."""
    thing = task.loss if isinstance(task, LossTask) else type(task)
    module = getattr(thing, "__module__", type(thing).__module__)
    return f"{module}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"
