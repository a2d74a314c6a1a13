"""The last linear layer of a network, whose gradients have a closed form."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from radiotracer.data.inputs import Inputs, answer, each
from radiotracer.gradients.devices import device_of


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
