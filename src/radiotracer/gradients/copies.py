"""A private copy of somebody's network."""

from __future__ import annotations

import torch
from torch import nn

from radiotracer.errors import InputError
from radiotracer.wrappers import private


def private_copy(model: nn.Module) -> nn.Module:
    """A copy of the network that shares nothing with it.

    It is the network that somebody wrote, without what frameworks put around it.

    Raises:
        InputError: It is no network, or holds something that cannot be copied.
    """
    require_network(model)
    with torch.inference_mode(False):
        return private(model)


def require_network(model: nn.Module) -> None:
    """Raise `InputError` unless it is one, and not its class or its name."""
    if not isinstance(model, nn.Module):
        raise InputError(
            expected="a network, as a torch.nn.Module",
            came=f"the class {model.__name__}" if isinstance(model, type) else repr(model)[:80],
            do="pass the network that was trained",
        )
