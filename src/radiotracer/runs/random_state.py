"""Random states left as they were found."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch


@contextlib.contextmanager
def random_state_kept(device: torch.device | None = None) -> Iterator[None]:
    """Put back the states of Python's, NumPy's and torch's CPU generators at the end.

    Args:
        device: Whose generator is kept, too, where it is of CUDA.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    others = [device] if device is not None and device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=others):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
