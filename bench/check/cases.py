"""What is measured: which examples, which labels of them are wrong, and by whom that is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Noise = Literal["clean", "random", "next"]
"""No wrong label; another class, any; the next class in the order of their names."""

Cell = Literal["clean", "thousand", "lists", "flips", "rivals", "texts", "tables", "all", "speed"]
CELLS: tuple[Cell, ...] = get_args(Cell)

CLEAN_SIZES = (120, 250, 500, 1_000, 5_000)
LIST_SIZES = (1_000, 5_000)


@dataclass(frozen=True)
class Case:
    """Some examples of a pool with wrong labels among them.

    Args:
        pool: Where they are from.
        n: How many.
        noise: How labels go wrong.
        share: Of the labels that do.
    """

    pool: str
    n: int
    noise: Noise = "clean"
    share: float = 0.0

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.pool}-{self.n}-{self.noise}-{round(100 * self.share)}"


def flipped(pool: str, n: int, share: float = 0.1) -> Case:
    """Labels that went wrong at random."""
    return Case(pool, n, "random", share)


PLAIN: Mapping[Cell, tuple[Case, ...]] = {
    "clean": (
        *(Case("photographs", n) for n in CLEAN_SIZES),
        *(Case("pair", n) for n in CLEAN_SIZES),
        Case("fashion-mnist", 200),
        Case("mnist", 200),
    ),
    "thousand": (Case("thousand", 2_000),),
    "lists": (
        *(Case("photographs", n) for n in LIST_SIZES),
        *(flipped("photographs", n, share) for n in LIST_SIZES for share in (0.02, 0.1, 0.2)),
        *(Case("photographs", n, "next", 0.1) for n in LIST_SIZES),
    ),
    "flips": (
        flipped("pair", 2_000),
        flipped("fashion-mnist", 1_000),
        flipped("fashion-mnist", 5_000),
    ),
    "rivals": (
        flipped("photographs", 1_000),
        flipped("photographs", 5_000),
        flipped("pair", 2_000),
        flipped("fashion-mnist", 1_000),
        flipped("fashion-mnist", 5_000),
    ),
    "all": (flipped("all", 50_000),),
}
"""Those on images."""


def spoiled(
    labels: NDArray[np.int64], classes: int, case: Case, generator: np.random.Generator
) -> NDArray[np.int64]:
    """The labels, exactly `share` of them wrong."""
    given = labels.copy()
    if case.noise == "clean":
        return given
    rows = generator.permutation(len(labels))[: round(case.share * len(labels))]
    by = generator.integers(1, classes, len(rows)) if case.noise == "random" else 1
    given[rows] = (labels[rows] + by) % classes
    return given
