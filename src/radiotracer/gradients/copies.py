"""A copy of somebody's network."""

from __future__ import annotations

import copy

from torch import Tensor, nn


def private_copy(model: nn.Module) -> nn.Module:
    """A copy that shares nothing with `model`, which stays as it is.

    Layers may keep tensors that they computed in their last pass, which torch refuses to copy while
    they belong to a graph (`torch.nn.utils.weight_norm` does): the copy has their numbers.
    """
    computed = [
        value
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    ]
    return copy.deepcopy(model, {id(value): value.detach().clone() for value in computed})
