"""An optimiser as a run describes it: taken down at the start, and built again for a replay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from radiotracer.errors import InputError, RunError
from radiotracer.runs.schema import OptimizerSpec, Option
from radiotracer.runs.wrappers import named_parameters


def describe_optimizer(
    model: nn.Module,
    optimizers: Sequence[Optimizer],
    groups: Sequence[Mapping[str, Any]] | None = None,
) -> OptimizerSpec:
    """The name of optimisers and, per parameter group, its parameters and its options.

    An option is anything plain in the group (a number, a text, a truth value, None, or a tuple of
    these) besides the learning rate, which is recorded at every step.

    Args:
        model: The network that they train.
        optimizers: One, or several that train parts of it.
        groups: Their parameter groups; None in the order of the optimisers.

    Raises:
        InputError: The groups hold no parameter of `model`.
    """
    if groups is None:
        groups = [group for each in optimizers for group in each.param_groups]
    names = {id(parameter): name for name, parameter in named_parameters(model)}
    held = tuple(tuple(names[id(p)] for p in group["params"] if id(p) in names) for group in groups)
    if not any(held):
        raise InputError(
            expected="an optimiser of this network's parameters",
            came="one that holds none of them",
            do="pass the optimiser that trains the network",
        )
    return OptimizerSpec(
        name=" + ".join(type(each).__name__ for each in optimizers),
        groups=held,
        options=tuple(_plain_options(group) for group in groups),
    )


def rebuild_optimizer(model: nn.Module, spec: OptimizerSpec) -> Optimizer:
    """A new optimiser of the recorded kind, groups and options, without any state.

    Its learning rates are to be set before every step.

    Args:
        model: The network whose parameters it shall train.
        spec: What the run recorded.

    Raises:
        RunError: The options were not recorded, or torch has no such optimiser.
    """
    if spec.options is None:
        raise RunError(
            expected="a run with its optimiser's options",
            came="one recorded before they were kept",
            do="record the training again",
        )
    kind = _optimizer_classes().get(spec.name)
    if kind is None:
        raise RunError(
            expected="an optimiser of torch.optim that takes one gradient per step",
            came=spec.name,
            do="trace the recorded checkpoints instead (TracInCP), which needs no replay",
        )
    named = dict(model.named_parameters())
    groups = [
        {**options, "params": [named[name] for name in names]}
        for names, options in zip(spec.groups, spec.options, strict=True)
    ]
    try:
        optimizer: Optimizer = kind(groups)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RunError(
            expected=f"recorded options that torch.optim.{spec.name} takes",
            came=str(error),
            do="replay with the torch release that run.json names",
        ) from error
    return optimizer


def _optimizer_classes() -> dict[str, Any]:
    # LBFGS evaluates the loss several times in a step, by a closure that no recording holds.
    return {
        name: kind
        for name, kind in vars(torch.optim).items()
        if isinstance(kind, type)
        and issubclass(kind, Optimizer)
        and name not in {"LBFGS", "Optimizer"}
    }


def _plain_options(group: Mapping[str, Any]) -> dict[str, Option]:
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in ((name, _number(value)) for name, value in group.items())
        if name not in {"params", "lr"} and _is_plain(value)
    }


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) and value.dim() == 0 else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(item is None or isinstance(item, bool | int | float | str) for item in value)
    return value is None or isinstance(value, bool | int | float | str)
