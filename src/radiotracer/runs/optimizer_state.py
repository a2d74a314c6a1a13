"""An optimiser's state as named arrays and JSON, so that it can be kept and put back bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import nn
from torch.optim import Optimizer

Arrays = dict[str, NDArray[Any]]


def optimizer_state(model: nn.Module, optimizer: Optimizer) -> tuple[Arrays, JsonValue]:
    """What an optimiser holds besides the weights.

    Args:
        model: Has all of the optimiser's parameters.
        optimizer: Whose states are tensors that NumPy knows, numbers or None, and whose options
            are plain.

    Returns:
        Tensors by ``PARAMETER/NAME``, of any shapes; and all else, which JSON can hold: numbers,
        the options of each group (learning rates among them), and how each tensor lies in memory,
        because kernels may round differently for another layout.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    arrays: Arrays = {}
    plain: dict[str, JsonValue] = {}
    strides: dict[str, JsonValue] = {}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for name, value in optimizer.state.get(parameter, {}).items():
                whole = f"{names[id(parameter)]}/{name}"
                if isinstance(value, torch.Tensor):
                    # Copied: the optimiser changes its own in place.
                    arrays[whole] = value.detach().cpu().contiguous().numpy().copy()
                    strides[whole] = list(value.stride())
                else:
                    plain[whole] = value
    groups: list[JsonValue] = [
        {name: value for name, value in group.items() if name != "params"}
        for group in optimizer.param_groups
    ]
    return arrays, {"plain": plain, "strides": strides, "groups": groups}


def put_optimizer_state(
    model: nn.Module, optimizer: Optimizer, arrays: Mapping[str, NDArray[Any]], rest: JsonValue
) -> None:
    """Put back what `optimizer_state` gave into an optimiser of the same parameters and groups.

    Raises:
        KeyError, TypeError, ValueError: It is of another optimiser; nothing has changed then.
    """
    known: Any = rest
    parameters = dict(model.named_parameters())
    states: dict[torch.nn.Parameter, dict[str, Any]] = {}
    for whole, value in known["plain"].items():
        parameter, name = whole.rsplit("/", 1)
        states.setdefault(parameters[parameter], {})[name] = value
    for whole, array in arrays.items():
        parameter, name = whole.rsplit("/", 1)
        owner = parameters[parameter]
        # One number per parameter (a step count) stays where it was: on the processor.
        device = owner.device if array.ndim else torch.device("cpu")
        tensor = torch.empty_strided(
            array.shape,
            known["strides"][whole],
            dtype=torch.from_numpy(array.reshape(-1)[:0]).dtype,
            device=device,
        )
        states.setdefault(owner, {})[name] = tensor.copy_(torch.from_numpy(array.copy()))
    pairs = list(zip(optimizer.param_groups, known["groups"], strict=True))
    for parameter_, state in states.items():
        optimizer.state[parameter_] = state
    for group, options in pairs:
        # JSON has no tuples; betas are one.
        group.update(
            {k: tuple(v) if isinstance(group.get(k), tuple) else v for k, v in options.items()}
        )
