"""What looking with frozen networks has in common: nothing outside changes, and rows stay apart."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

BATCH = 64
"""Examples that a network is given at once."""


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Build networks without drawing from torch's generator: a training after it is the same."""
    with torch.random.fork_rng(devices=[]):
        yield


@contextlib.contextmanager
def looking(model: nn.Module) -> Iterator[None]:
    """No gradients, and the network as it is used: a caller's network is put back afterwards."""
    modes = [(each, each.training) for each in model.modules()]
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for each, mode in modes:
            each.training = mode


def device_of(model: nn.Module) -> torch.device:
    """Where a network is; one without parameters takes what lies in the memory of the processor."""
    return next((each.device for each in model.parameters()), torch.device("cpu"))


def batches(rows: slice, size: int = BATCH) -> Iterator[slice]:
    """Consecutive parts of some rows."""
    for start in range(rows.start, rows.stop, size):
        yield slice(start, min(start + size, rows.stop))


def mean_of_tokens(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens that are there.

    Args:
        hidden: Shape (n, tokens, d).
        mask: 1 where there is a token, 0 where there is none, shape (n, tokens).

    Returns:
        Shape (n, d); 0 where there is no token at all.
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def to_numpy(found: Tensor) -> NDArray[np.float32]:
    """A tensor as float32 in memory that is its own."""
    return np.array(found.detach().to("cpu", torch.float32).numpy())
