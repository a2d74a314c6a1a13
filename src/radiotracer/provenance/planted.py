"""What a design makes of the chosen examples: before any coin is drawn, and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Laid:
    """What a design made before any coin: all that coins will choose between.

    Args:
        coins: The names of all coins of the design, in order, each once; see `coins`.
        arrays: What else an audit needs, by name; any shapes, first axis first; texts in arrays of
            fixed width. None of them hangs on a coin.
        extractor: The marking network's weights by name, where audits need it; else None.
    """

    coins: tuple[str, ...]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    extractor: Mapping[str, Tensor] | None = None

    def __repr__(self) -> str:
        """Names alone: the rest is sealed."""
        return f"Laid({len(self.coins):,} coins; arrays: {', '.join(self.arrays)})"


@dataclass(frozen=True, eq=False)
class Planted:
    """What the coins made of it; row ``i`` of every column is the same example.

    Args:
        content: What to publish in place of the chosen examples that are published, in the form of
            their modality.
        columns: Numbers for the manifest by name, such as ``psnr``, each of shape (k,).
        shown: Which of the chosen examples are published, bool, shape (k,); None: all of them. The
            others are in no part of the release.
    """

    content: Any
    columns: Mapping[str, NDArray[Any]]
    shown: NDArray[np.bool_] | None = None

    def __repr__(self) -> str:
        """Names alone: the rest is sealed."""
        return f"Planted(columns: {', '.join(self.columns)})"
