"""What detectors observe, gathered batch by batch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor


class Rows:
    """Columns filled batch by batch, in float64."""

    def __init__(self, rows: int, tell: Callable[[int, int], None]) -> None:
        self.rows = rows
        self.done = 0
        self.tell = tell
        self.columns: dict[str, np.ndarray] = {}

    def put(self, name: str, values: Tensor) -> None:
        """The present batch's values, shape (b, k)."""
        if name not in self.columns:
            self.columns[name] = np.zeros((self.rows, values.shape[1]))
        self.columns[name][self.done : self.done + len(values)] = values.detach().double().numpy()

    def advance(self, examples: int) -> None:
        """Go on to the next batch."""
        self.done += examples
        self.tell(self.done, self.rows)
