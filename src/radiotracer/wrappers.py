"""Networks, optimisers and loaders as they are below what frameworks put around them.

A run is of the network that somebody wrote, whoever ran it: names of parameters are the same with
and without `torch.compile`, `DataParallel` and the like.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer

from radiotracer.errors import InputError

_MODULES = {
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "AveragedModel": "module",
    "OptimizedModule": "_orig_mod",
    "CheckpointWrapper": "_checkpoint_wrapped_module",
    "_FabricModule": "module",
}
"""Where wrappers keep the network, by the name of their class."""

_INSIDE = re.compile(r"(^|(?<=\.))(_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")
"""What wrappers in the midst of a network add to the names of its parameters."""


def unwrapped(model: nn.Module) -> nn.Module:
    """The network itself; `model` where nothing is around it.

    Raises:
        InputError: It is in a wrapper that takes networks apart.
    """
    while True:
        kinds = {kind.__name__ for kind in type(model).__mro__}
        if "FullyShardedDataParallel" in kinds:
            raise InputError(
                expected="a network whose parameters are its own",
                came="FullyShardedDataParallel, which makes flat ones of them",
                do="shard it by torch.distributed.fsdp.fully_shard",
            )
        inner = next((name for kind, name in _MODULES.items() if kind in kinds), None)
        if inner is None:
            return model
        model = getattr(model, inner)


def is_sharded(model: nn.Module) -> bool:
    """Whether its parameters are divided among processes, who can use it together alone."""
    return any(hasattr(each, "full_tensor") for each in model.parameters())


def private(model: nn.Module, *, share: bool = False) -> nn.Module:
    """A deep copy of the network itself, without wrappers in its midst either.

    Layers may keep tensors that they computed in their last pass, which torch refuses to copy while
    they belong to a graph (`torch.nn.utils.weight_norm` does): the copy has their numbers.

    Args:
        model: Any network.
        share: Share the parameters themselves, for passes that do not change them.

    Raises:
        InputError: It holds something that cannot be copied.
    """
    model = unwrapped(model)
    computed = [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    kept: dict[int, Any] = {id(value): value.detach().clone() for value in computed}
    if share:
        kept |= {id(each): each for each in model.parameters()}
    try:
        found = copy.deepcopy(model, kept)
    except Exception as error:  # whatever a network's own parts raise
        raise InputError(
            expected="a network that can be copied (copy.deepcopy)",
            came=f"{type(error).__name__}: {error}".splitlines()[0][:200],
            do="take out of its modules what cannot be copied",
        ) from error
    for parent in list(found.modules()):
        for name, child in list(parent.named_children()):
            inner = unwrapped(child)
            if inner is not child:
                setattr(parent, name, inner)
    return found


def plain(name: str) -> str:
    """A parameter's name without what wrappers added."""
    return _INSIDE.sub("", name)


def named_parameters(model: nn.Module) -> Iterator[tuple[str, Parameter]]:
    """The parameters of the network itself by their plain names."""
    for name, parameter in unwrapped(model).named_parameters():
        yield plain(name), parameter


def optimizers_of(given: Optimizer | Iterable[Optimizer]) -> tuple[Optimizer, ...]:
    """The optimisers that take the steps, one or several.

    Frameworks (Accelerate, Fabric, Lightning) put theirs around one of torch.
    """
    return tuple(map(_stepping, given if isinstance(given, list | tuple) else (given,)))


def _stepping(outer: Any) -> Optimizer:
    while isinstance(inner := getattr(outer, "optimizer", None), Optimizer):
        outer = inner
    found: Optimizer = outer
    return found
