"""An optimiser as a run describes it: taken down at the start, and built again for a replay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from radiotracer.errors import InputError, RunError
from radiotracer.runs.schema import OptimizerSpec, Option


def describe_optimizer(model: nn.Module, optimizer: Optimizer) -> OptimizerSpec:
    """The optimiser's class name and, per parameter group, its parameters and its options.

    An option is anything plain in the group (a number, a text, a truth value, None, or a tuple of
    these) besides the learning rate, which is recorded at every step.

    Raises:
        InputError: The optimiser holds no parameter of `model`.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = tuple(
        tuple(names[id(p)] for p in group["params"] if id(p) in names)
        for group in optimizer.param_groups
    )
    if not any(groups):
        raise InputError(
            expected="an optimiser of this network's parameters",
            came="one that holds none of them",
            do="pass the optimiser that trains the network",
        )
    return OptimizerSpec(
        name=type(optimizer).__name__,
        groups=groups,
        options=tuple(_plain_options(group) for group in optimizer.param_groups),
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


def _plain_options(group: dict[str, Any]) -> dict[str, Option]:
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
