"""Small data of every kind, and backbones that count how often they are opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.backbones.backbone import Backbone, Look
from radiotracer.data import MODALITIES, Column, Dataset
from radiotracer.data.table import fitted

WORDS = ("good", "bad", "film", "plot", "actor", "slow", "fine", "the", "a", "music", "1999")


def data_of(kind: str, n: int = 9, seed: int = 0) -> Dataset:
    """n examples, two classes."""
    content = CONTENT[kind](np.random.default_rng(seed), n)
    return dataset(kind, content)


def dataset(kind: str, content: Any) -> Dataset:
    modality = MODALITIES[kind]
    n = modality.length(content)
    ids = np.array([f"row/{row}" for row in range(n)])
    return Dataset(modality, content, np.arange(n) % 2, ids, ("no", "yes"), "memory")


def _images(random: np.random.Generator, n: int) -> Any:
    return random.integers(0, 256, (n, 20, 28, 3), dtype=np.uint8)


def _texts(random: np.random.Generator, n: int) -> Any:
    return tuple(" ".join(random.choice(WORDS, 1 + 4 * (row % 5))) for row in range(n))


def _tables(random: np.random.Generator, n: int) -> Any:
    values = np.stack([random.normal(3, 2, n), random.integers(0, 3, n).astype(float)], axis=1)
    values[0, 0] = np.nan
    return fitted((Column("age"), Column("colour", ("blue", "green", "red"))), values)


def _vectors(random: np.random.Generator, n: int) -> Any:
    return random.normal(size=(n, 5)).astype(np.float32)


CONTENT: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "images": _images,
    "texts": _texts,
    "tables": _tables,
    "vectors": _vectors,
}


@dataclass
class Counted:
    """A backbone for vectors that doubles them, and what was asked of it."""

    opened: int = 0
    looked: list[int] = field(default_factory=list)
    change: Callable[[NDArray[np.float32], slice], Any] = lambda given, _: given * 2
    words: str = "doubled"

    def backbone(self, **others: Any) -> Backbone:
        return Backbone(
            "doubled",
            "twice the numbers",
            frozenset(("vectors",)),
            open=self.open,
            identify=lambda: self.words,
            **others,
        )

    def open(self, _: Dataset) -> Look:
        self.opened += 1
        return self.look

    def look(self, data: Dataset, rows: slice) -> Any:
        self.looked.append(rows.start)
        return self.change(np.asarray(data.content[rows]), rows)


def twice(_: Dataset) -> Look:
    """For workers in other processes."""
    return lambda data, rows: np.asarray(data.content[rows]) * 2
