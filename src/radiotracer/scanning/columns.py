"""What batches show, one after the other, as NumPy has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Columns:
    """Rows that come batch by batch, by name."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = defaultdict(list)

    def put(self, values: Mapping[str, Tensor]) -> None:
        """Add the rows of a batch, shape (n, ...) under each name."""
        for name, each in values.items():
            self._parts[name].append(as_array(each))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All rows in their order."""
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}


def as_array(tensor: Tensor) -> NDArray[Any]:
    """From any device. NumPy has no bfloat16; float32 holds each of its values exactly."""
    values = tensor.detach().cpu()
    return np.asarray((values.float() if values.dtype == torch.bfloat16 else values).numpy())
