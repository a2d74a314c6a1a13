"""Examples whose features are computed once, of which every cell takes a random part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiotracer.backbones import default_backbone, features_of
from radiotracer.data import Dataset, open_data

POOLED = 1_200
"""Training photographs of each class."""

PAIRED = 2_500
"""The same of the two classes that are also told apart by themselves."""

SHOWN = 2_000
"""Test photographs, of which validation examples are drawn."""

VECTORS = {"fashion-mnist": 6_000, "mnist": 1_000}
"""Images of other kinds."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Examples with their right labels.

    Args:
        features: Shape (n, d).
        labels: Shape (n,), from 0 on.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1

    def some(self, n: int, generator: np.random.Generator) -> Pool:
        """So many of them at random."""
        rows = np.sort(generator.permutation(len(self))[:n])
        return Pool(self.features[rows], self.labels[rows])


def of_each(labels: NDArray[np.int64], classes: Sequence[int], count: int) -> NDArray[np.int64]:
    """The rows of so many examples of each class, always the same ones."""
    generator = np.random.default_rng(0)
    mixed = generator.permutation(len(labels))
    return np.sort(np.concatenate([mixed[labels[mixed] == each][:count] for each in classes]))


def looked_at(data: Dataset) -> Pool:
    """Examples as the packaged backbone sees them."""
    features = features_of(
        data, default_backbone(data.modality.name), progress=lambda *_: None, note=print
    )
    return Pool(np.asarray(features), np.unique(data.labels, return_inverse=True)[1])


def photographs(folder: Path, classes: Sequence[str] = (), each: int | None = POOLED) -> Pool:
    """So many training photographs of each class; of all classes where none are named."""
    data = open_data(os.fspath(folder / "train"))
    wanted = [data.class_names.index(name) for name in classes or data.class_names]
    return looked_at(data.take(of_each(data.labels, wanted, each or len(data))))


def held_out(folder: Path) -> Pool:
    """Test photographs."""
    data = open_data(os.fspath(folder / "test"))
    wanted = range(len(data.class_names))
    return looked_at(data.take(of_each(data.labels, wanted, SHOWN // len(wanted))))


def images(name: str) -> Pool:
    """Images of a data set that has a name."""
    data = open_data(name)
    rows = np.random.default_rng(0).permutation(len(data))[: VECTORS[name]]
    return looked_at(data.take(np.sort(rows)))
