"""A private copy of somebody's network."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from radiotracer.errors import InputError


def private_copy(model: nn.Module) -> nn.Module:
    """A copy of the network that shares nothing with it.

    Tensors that its modules computed and kept beside their parameters (as
    `torch.nn.utils.weight_norm` does) come as plain values: a copy of their graph would lead back
    to the caller's parameters, which is why torch refuses to copy them.

    Raises:
        InputError: It is no network, or holds something that cannot be copied.
    """
    require_network(model)
    computed = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in module.__dict__.values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    try:
        with torch.inference_mode(False):
            return copy.deepcopy(model, computed)
    except (TypeError, RuntimeError, ValueError, AttributeError, NotImplementedError) as error:
        raise InputError(
            expected="a network that can be copied (copy.deepcopy)",
            came=f"{type(error).__name__}: {error}".splitlines()[0][:200],
            do="take out of its modules what cannot be copied",
        ) from error


def require_network(model: nn.Module) -> None:
    """Raise `InputError` unless it is one, and not its class or its name."""
    if not isinstance(model, nn.Module):
        raise InputError(
            expected="a network, as a torch.nn.Module",
            came=f"the class {model.__name__}" if isinstance(model, type) else repr(model)[:80],
            do="pass the network that was trained",
        )
