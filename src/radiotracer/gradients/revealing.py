"""A point in parameter space at which wrong gradients show."""

from __future__ import annotations

import torch
from torch import Tensor

from radiotracer.gradients.objective import Objective


def revealing_point(objective: Objective) -> dict[str, Tensor]:
    """The loaded checkpoint, with noise for parameters that are zero throughout, or nearly so.

    Heads and residual gains often start there, and then hide all the layers below them.
    """
    generator = torch.Generator().manual_seed(0)
    point = {}
    for name, parameter in objective.model.named_parameters():
        value = parameter.detach()
        if value.is_floating_point() and float(value.float().square().mean().sqrt()) < 1e-3:
            value = 0.1 * torch.randn(value.shape, generator=generator).to(value)
        point[name] = value
    return point
