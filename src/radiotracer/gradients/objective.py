"""The loss of every example in a batch, as a function of chosen parameters.

Every engine in this folder differentiates the same thing: the vector of losses
``l_1(theta), ..., l_n(theta)`` of a network in evaluation mode (batch normalisation fixed, no
dropout), so that no example's gradient depends on its neighbours in the batch.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import fnmatch
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from radiotracer.data.inputs import Inputs, answer, answered, arguments, each, length, named, take
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.gradients.devices import device_of
from radiotracer.gradients.precision import WHOLE, Precision, casting, require_precision
from radiotracer.runs import put_weights

LossFunction = Callable[[Any, Any], Tensor]
"""Network outputs (n, ...) and targets (n, ...) to one loss per example, shape (n,).

Each is a tensor, or several as `Inputs` are: see `radiotracer.data.inputs.answered`.
"""

Parameters = Mapping[str, Tensor]
"""Tensors by parameter name: a point, a gradient or a direction in parameter space."""


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
class Evaluation:
    """What one forward pass of a batch tells.

    Args:
        losses: Shape (n,).
        outputs: What the network returned, or the `logits` of that, shape (n, ...); shape (n, 0)
            where it gives several tensors.
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
        loss: One loss per example.
        traced: Names of the parameters that influence is traced through.
        head: Name of the last linear layer, if the network's output is that layer's output.
        precision: Of forward passes.
        found: What engines have found out about it (a route, a plan), by what it is: it depends on
            the network's operations and not on its weights, and goes with the objective.
    """

    model: nn.Module = field(repr=False)
    loss: LossFunction = field(repr=False)
    traced: tuple[str, ...] = field(repr=False)
    head: str | None
    precision: Precision = WHOLE
    found: dict[type, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @staticmethod
    def of(
        model: nn.Module,
        loss: LossFunction = cross_entropy,
        *,
        example: Inputs,
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
            layers: Shell-style patterns of parameter names (``"stage4.*"``, ``"head.*"``); empty
                means every trained parameter.
            trained: Names that the optimiser trained; None means every parameter.
            memory_format: How convolutions should lay out their weights.
            precision: Of forward passes; ``"bfloat16"`` needs float32 weights.

        Raises:
            InputError: A pattern matches no trained parameter, a batch normalisation keeps no
                running statistics, or the precision cannot be had.
        """
        require_precision(model, precision)
        private = copy.deepcopy(model).eval()
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
        traced = names
        if layers:
            for pattern in layers:
                if not fnmatch.filter(names, pattern):
                    raise InputError(
                        expected="layer patterns that match trained parameters",
                        came=f"{pattern!r}, which matches none of {', '.join(names[:8])}, …",
                        do="name parameters or patterns such as 'head.*'",
                    )
            traced = [name for name in names if any(fnmatch.fnmatch(name, p) for p in layers)]
        return Objective(private, loss, tuple(traced), find_head(private, example), precision)

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
            InputError: The loss is not one number per example.
        """
        caught: list[Tensor] = []
        hook = None
        if self.head is not None:
            layer = self.model.get_submodule(self.head)
            hook = layer.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
        try:
            with self.casting():
                given = arguments(batch.inputs)
                outputs = answered(functional_call(self.model, dict(parameters or {}), *given))
        finally:
            if hook is not None:
                hook.remove()
        if self.precision != WHOLE:
            outputs, caught = each(outputs, Tensor.float), [one.float() for one in caught]
        losses = self.loss(outputs, batch.targets)
        if losses.shape != (len(batch),):
            raise InputError(
                expected=f"a loss per example, shape ({len(batch)},)",
                came=f"shape {tuple(losses.shape)}",
                do="use reduction='none' in the loss",
            )
        shown = outputs if isinstance(outputs, Tensor) else losses.new_zeros(len(batch), 0)
        return Evaluation(losses, shown, caught[0] if caught else None)


def find_head(model: nn.Module, example: Inputs) -> str | None:
    """The name of the linear layer whose output is the network's output, or None.

    Only a layer whose gradient is the outer product of one output gradient and one input counts:
    its output is used as it is, it is called once, and its weights are its own.

    Args:
        model: A network in evaluation mode.
        example: A batch of one input, on any device.
    """
    device = device_of(model)
    example = each(example, lambda value: value.to(device))
    calls: list[tuple[str, Tensor, int]] = []

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            # The version counts changes in place: a ReLU may return this tensor, altered.
            calls.append((name if inputs[0].dim() == 2 else "", output, output._version))

        return hook

    hooks = [
        module.register_forward_hook(note(name))
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name and _is_plain(module)
    ]
    try:
        # Tensors of inference mode have no versions.
        with torch.inference_mode(False), torch.no_grad():
            final = answer(model, example)
    finally:
        for hook in hooks:
            hook.remove()
    head = next((name for name, output, made in calls if output is final and name), None)
    uses = [made for name, _, made in calls if name == head]
    if (
        head is None
        or not isinstance(final, Tensor)
        or uses != [final._version]
        or _is_tied(model, head)
    ):
        return None
    return head


def _is_plain(layer: nn.Linear) -> bool:
    """Whether the layer computes W h + b with its own weight (no parametrisation, no override)."""
    return type(layer).forward is nn.Linear.forward and layer._parameters.get("weight") is not None


def _is_tied(model: nn.Module, head: str) -> bool:
    own = {id(p) for p in model.get_submodule(head).parameters()}
    names = [n for n, p in model.named_parameters(remove_duplicate=False) if id(p) in own]
    return len(names) > len(own)


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
