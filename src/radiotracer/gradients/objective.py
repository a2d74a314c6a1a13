"""The loss of every example in a batch, as a function of chosen parameters.

Every engine in this folder differentiates the same thing: the vector of losses
``l_1(theta), ..., l_n(theta)`` of a network in evaluation mode (batch normalisation fixed, no
dropout), so that no example's gradient depends on its neighbours in the batch. Which number the
loss is, says the task (`task.py`): of a training example what was trained on, of a query what is
asked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from radiotracer.data.inputs import Inputs, answered, each, logits
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.gradients.copies import private_copy
from radiotracer.gradients.devices import device_of
from radiotracer.gradients.head import find_head
from radiotracer.gradients.holding import holding
from radiotracer.gradients.precision import WHOLE, Precision, casting, require_precision
from radiotracer.gradients.task import Batch, LossFunction, LossTask, Task, cross_entropy, task_of
from radiotracer.runs import put_weights

Parameters = Mapping[str, Tensor]
"""Tensors by parameter name: a point, a gradient or a direction in parameter space."""


@dataclass(frozen=True)
class Evaluation:
    """What one forward pass of a batch tells.

    Args:
        losses: What was asked of each example, shape (n,).
        outputs: What the network returned, or the `logits` of that, shape (n, ...); shape (n, 0)
            where a task did not call the network as a whole.
        features: What the head (the last linear layer) was given, shape (n, d); None when the
            network has no head.

    All are in the dtype of the weights, whatever the forward pass was made in.
    """

    losses: Tensor
    outputs: Tensor
    features: Tensor | None


@dataclass(frozen=True)
class Objective:
    """A private copy of a network, in evaluation mode, with a loss per example.

    Args:
        model: The copy; nobody else holds it, so its weights may be replaced.
        task: What is asked of an example.
        traced: Names of the parameters that influence is traced through.
        head: Name of the last linear layer, if the network's output is that layer's output and the
            task a loss of it.
        precision: Of forward passes.
        asking: Whether the losses are the task's measurement, and not what training minimised.
        found: What engines have found out about it (a route, a plan), by what it is: it depends on
            the network's operations and not on its weights, and goes with the objective.
    """

    model: nn.Module = field(repr=False)
    task: Task = field(repr=False)
    traced: tuple[str, ...] = field(repr=False)
    head: str | None
    precision: Precision = WHOLE
    asking: bool = False
    found: dict[type, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def of(
        model: nn.Module,
        loss: LossFunction = cross_entropy,
        *,
        example: Inputs,
        task: Task | None = None,
        state: dict[str, Tensor] | None = None,
        layers: Sequence[str] = (),
        trained: Collection[str] | None = None,
        memory_format: torch.memory_format = torch.preserve_format,
        precision: Precision = WHOLE,
    ) -> Objective:
        """Copy `model` and choose the parameters to trace; the caller's network is left as it is.

        Args:
            model: Any network.
            loss: One loss per example.
            example: A batch of one input, on any device, to find the head with.
            task: In place of a loss.
            state: Weights for the copy; None leaves those of `model`.
            layers: Shell-style patterns of parameter names (``"stage4.*"``, ``"head.*"``); empty
                means every trained parameter.
            trained: Names that the optimiser trained; None means every parameter.
            memory_format: How convolutions should lay out their weights.
            precision: Of forward passes; ``"bfloat16"`` needs float32 weights and a loss.

        Raises:
            InputError: A pattern matches no trained parameter, a batch normalisation keeps no
                running statistics, the precision cannot be had, or the network cannot be copied.
            RunError: The weights do not fit.
        """
        require_precision(model, precision)
        asked = task_of(loss, task)
        if precision != WHOLE and not isinstance(asked, LossTask):
            raise InputError(
                expected=f"a loss of the network's outputs with precision={precision!r}",
                came="a task",
                do=f"pass precision={WHOLE!r}",
            )
        private = private_copy(model).eval()
        if state is not None:
            put_weights(private, state)
        private = private.to(memory_format=memory_format)  # type: ignore[call-overload]
        # Engines ask for the gradients they want; the weights themselves ask for none.
        private.requires_grad_(False)
        _require_fixed_statistics(private)
        names = [
            name for name, _ in private.named_parameters() if trained is None or name in trained
        ]
        if not names:
            raise InputError(
                expected="a network with trained parameters",
                came="none that the run's optimiser trained",
                do="pass the network that was recorded",
            )
        head = find_head(private, example) if isinstance(asked, LossTask) else None
        return Objective(private, asked, _matching(names, layers), head, precision)

    @property
    def device(self) -> torch.device:
        """Where the copy is: batches have to be there, too."""
        return device_of(self.model)

    def __getstate__(self) -> dict[str, Any]:
        """Without what was found out: a copy finds it out for itself."""
        return {**self.__dict__, "found": {}}

    @property
    def exact(self) -> Objective:
        """The same without mixed precision, to prove engines with; itself where there is none."""
        whole = self.precision == WHOLE
        return self if whole else dataclasses.replace(self, precision=WHOLE)

    @property
    def asked(self) -> Objective:
        """The same network, asked what queries ask; itself where that is what it was trained on."""
        if self.asking or self.task.measurement == self.task.train_loss:
            return self
        # Kept, so that what engines find out about it is kept.
        other: Objective = self.found.setdefault(Objective, dataclasses.replace(self, asking=True))
        return other

    def casting(self) -> contextlib.AbstractContextManager[None]:
        """The context of a forward pass that `evaluate` does not make."""
        return casting(self.device, self.precision)

    def load(self, state: dict[str, Tensor]) -> None:
        """Put a checkpoint's weights into the private copy; `RunError` if they do not fit."""
        put_weights(self.model, state)

    def parameters(self) -> dict[str, Tensor]:
        """The traced parameters at the loaded checkpoint, detached."""
        own = dict(self.model.named_parameters())
        return {name: own[name].detach() for name in self.traced}

    def evaluate(self, batch: Batch, parameters: Parameters | None = None) -> Evaluation:
        """One forward pass; differentiable in `parameters` when they are given.

        Raises:
            InputError: The task does not give one number per example.
            DataError: A target is one that the task does not know.
        """
        ask = self.task.measurement if self.asking else self.task.train_loss
        with self._watched() as seen:
            try:
                losses = holding(self.model, parameters or {}, lambda: ask(self.model, batch))
            except IndexError as error:
                raise DataError(
                    expected="inputs and targets that the network and its loss have room for",
                    came=f"{error}".splitlines()[0],
                    do="repair the labels, or the numbers that stand for words",
                ) from error
        self._require_per_example(losses, len(batch))
        outputs = seen.outputs[0] if seen.outputs else losses.new_zeros(len(batch), 0)
        return Evaluation(losses, outputs, seen.features[0] if seen.features else None)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[_Seen]:
        """What the network gives and the head is given, while a task asks it."""
        seen, casts = _Seen(), contextlib.ExitStack()
        device = self.device  # asked here: inside, engines watch what is asked of parameters

        def begin(_: nn.Module, __: Any) -> None:
            casts.enter_context(casting(device, self.precision))

        def end(_: nn.Module, __: Any, returned: Any) -> Any:
            casts.close()
            if self.precision != WHOLE:
                returned = each(answered(returned), _widened)
            outputs = _logits(returned)
            if outputs is not None:
                seen.outputs.append(outputs)
            return returned

        def meet(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen.features.append(inputs[0] if self.precision == WHOLE else inputs[0].float())

        hooks = [
            self.model.register_forward_pre_hook(begin),
            self.model.register_forward_hook(end),
        ]
        if self.head is not None:
            layer = self.model.get_submodule(self.head)
            hooks.append(layer.register_forward_pre_hook(meet))
        try:
            yield seen
        finally:
            casts.close()
            for hook in hooks:
                hook.remove()

    def _require_per_example(self, losses: Any, n: int) -> None:
        if isinstance(losses, Tensor) and losses.shape == (n,) and losses.is_floating_point():
            return
        name = "the loss"
        if not isinstance(self.task, LossTask):
            name = "measurement" if self.asking else "train_loss"
        if not isinstance(losses, Tensor):
            came, do = f"a {type(losses).__name__}", "return a tensor"
        elif losses.shape != (n,):
            came = f"shape {tuple(losses.shape)}"
            do = f"use reduction='none' in {name}"
        else:
            came = str(losses.dtype).removeprefix("torch.")
            do = "return floating-point numbers, which can be differentiated"
        raise InputError(expected=f"a loss per example, shape ({n},)", came=came, do=do)


@dataclass(frozen=True)
class _Seen:
    outputs: list[Tensor] = field(default_factory=list)
    features: list[Tensor] = field(default_factory=list)


def _widened(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _logits(returned: Any) -> Tensor | None:
    try:
        return logits(returned)
    except InputError:
        return None


def patterns(layers: Sequence[str]) -> tuple[str, ...]:
    """Layer patterns as they were given; `InputError` if they are no list of texts."""
    listed = isinstance(layers, Sequence) and not isinstance(layers, str)
    if not listed or not all(isinstance(each, str) for each in layers):
        raise InputError(
            expected="layers= as a list of patterns, which are texts",
            came=repr(layers)[:100],
            do="pass, say, layers=['head.*']",
        )
    return tuple(layers)


def _matching(names: Sequence[str], layers: Sequence[str]) -> tuple[str, ...]:
    """The names that a pattern matches; all without any."""
    layers = patterns(layers)
    for pattern in layers:
        if not fnmatch.filter(names, pattern):
            inside = fnmatch.filter(names, f"{pattern}.*")
            raise InputError(
                expected="layer patterns that match trained parameters",
                came=f"{pattern!r}, which matches none of {', '.join(names[:8])}, …",
                do=f"pass '{pattern}.*', which matches {', '.join(inside[:3])}"
                if inside
                else "name parameters or patterns such as 'head.*'",
            )
    return tuple(n for n in names if not layers or any(fnmatch.fnmatch(n, p) for p in layers))


def _require_fixed_statistics(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None:
            raise InputError(
                expected="batch normalisation with running statistics",
                came=f"{name or 'one'} with track_running_stats=False, "
                "where an example's loss depends on its batch",
                do="train with track_running_stats=True or another normalisation",
            )


def require_finite_losses(losses: Tensor, *, where: str) -> None:
    """Raise `NotFiniteError` when a loss is NaN or infinite."""
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        raise NotFiniteError(
            expected=f"finite losses at {where}",
            came=f"{len(bad)} NaN or infinite, first at row {int(bad[0])} of a batch",
            do="check the inputs and the weights, or lower the learning rate and train again",
        )
