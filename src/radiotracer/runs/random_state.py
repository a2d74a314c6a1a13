"""Random states left as they were found."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch


@contextlib.contextmanager
def random_state_kept(device: torch.device | None = None) -> Iterator[None]:
    """Put back the states of Python's, NumPy's and torch's generators at the end.

    Args:
        device: Whose generator is kept, too; those of other devices are not.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    kind = "cuda" if device is None or device.type == "cpu" else device.type
    try:
        with torch.random.fork_rng(
            devices=[] if device is None or device.type == "cpu" else [device], device_type=kind
        ):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
