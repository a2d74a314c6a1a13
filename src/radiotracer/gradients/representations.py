"""What a network's layers make of its inputs: one vector per example and layer.

Detectors that look for examples in the wrong place, and recipes that put them there, read these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data.inputs import Inputs, call, each, length, take
from radiotracer.errors import InputError
from radiotracer.gradients.devices import device_of
from radiotracer.gradients.head import find_head

PENULTIMATE = "penultimate"
"""The name of what the last linear layer is given."""


@dataclass(frozen=True)
class Representation:
    """What one forward pass shows.

    Args:
        outputs: Logits, shape (n, classes).
        layers: By layer name, shape (n, d) each: images of activations averaged over a 2 x 2 grid,
            sequences over their length.
    """

    outputs: Tensor
    layers: dict[str, Tensor]


def layer_names(model: nn.Module, example: Inputs) -> tuple[str, ...]:
    """The layers that `represent` can show, from the input to the output.

    They are the network's outermost modules that give one vector, sequence or image of activations
    per example (without the head), and `PENULTIMATE` where the network has a head. A network that
    is wrapped in a single module is unwrapped.

    Args:
        model: A network in evaluation mode.
        example: A batch of one input, on any device.
    """
    device = device_of(model)
    example = each(example, lambda value: value.to(device))
    prefix, inside = "", model
    while len(children := list(inside.named_children())) == 1:
        prefix, inside = f"{prefix}{children[0][0]}.", children[0][1]
    head = find_head(model, example)
    names = [prefix + name for name, _ in children if prefix + name != head]
    shown: dict[str, Tensor] = {}
    with torch.no_grad():
        _watched(model, example, names, shown)
    ordered = [name for name in shown if 2 <= shown[name].dim() <= 4]
    return (*ordered, *([PENULTIMATE] if head else []))


def represent(
    model: nn.Module, inputs: Inputs, layers: Sequence[str], *, head: str | None = None
) -> Representation:
    """One forward pass, differentiable in the inputs where gradients are enabled.

    Args:
        model: A network in evaluation mode.
        inputs: Of n examples, shape (n, ...) each.
        layers: Names from `layer_names`.
        head: The last linear layer, if it is known already (`find_head`); `PENULTIMATE` needs it.

    Raises:
        InputError: A layer that the network does not have, or that does not take part.
    """
    if PENULTIMATE in layers and head is None:
        head = find_head(model, _first(inputs))
        if head is None:
            raise _unknown(PENULTIMATE, model, inputs)
    shown: dict[str, Tensor] = {}
    before = {head: PENULTIMATE} if PENULTIMATE in layers and head else {}
    known = dict(model.named_modules())
    for name in layers:
        if name != PENULTIMATE and name not in known:
            raise _unknown(name, model, inputs)
    outputs = _watched(model, inputs, [n for n in layers if n != PENULTIMATE], shown, before)
    for name in layers:
        if name not in shown:
            raise _unknown(name, model, inputs)
    return Representation(outputs, {name: _flat(shown[name]) for name in layers})


def _watched(
    model: nn.Module,
    inputs: Inputs,
    after: Sequence[str],
    shown: dict[str, Tensor],
    before: dict[str, str] | None = None,
) -> Tensor:
    """The network's output; fills `shown` with what the modules gave, or were given."""

    def given(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda _, values: shown.__setitem__(name, values[0])

    def gave(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def note(_: nn.Module, __: tuple[Tensor, ...], value: object) -> None:
            if isinstance(value, Tensor) and len(value) == length(inputs):
                shown[name] = value

        return note

    modules = dict(model.named_modules())
    hooks = [modules[name].register_forward_hook(gave(name)) for name in after]
    hooks += [
        modules[module].register_forward_pre_hook(given(name))
        for module, name in (before or {}).items()
    ]
    try:
        outputs = call(model, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs


def _flat(values: Tensor) -> Tensor:
    if values.dim() == 4:
        values = F.adaptive_avg_pool2d(values, (min(2, values.shape[2]), min(2, values.shape[3])))
    elif values.dim() == 3:
        values = values.mean(dim=1)
    return values.flatten(start_dim=1)


def _first(inputs: Inputs) -> Inputs:
    return each(take(inputs, slice(1)), Tensor.detach)


def _unknown(name: str, model: nn.Module, inputs: Inputs) -> InputError:
    return InputError(
        expected=f"a layer among {', '.join(layer_names(model, _first(inputs))) or 'none'}",
        came=repr(name),
        do="name one of these layers",
    )
