"""The data and the run that tests of scanning and of the command line share."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from radiotracer.data import Dataset
from radiotracer.recipes import Manifest
from radiotracer.runs import Run


@dataclass(frozen=True)
class World:
    """A data set that was tampered with, a training on it, and trusted queries."""

    archive: Path
    data: Path
    folder: Path
    clean: Dataset
    tampered: Dataset
    queries: Dataset
    manifest: Manifest
    run: Run
    model: torch.nn.Module

    def copy(self, to: Path) -> Path:
        """A copy of the run folder, to spoil."""
        return Path(shutil.copytree(self.folder, to))


def tiny_archive(path: Path, *, n: int = 96, m: int = 36, seed: int = 0) -> Path:
    """An .npz of 10x10 images of three easy classes: a bright row at a place that says which."""
    generator = np.random.default_rng(seed)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.arange(count) % 3
        images = generator.integers(0, 90, (count, 10, 10), dtype=np.uint8)
        for row, label in enumerate(labels):
            images[row, 3 * label : 3 * label + 2] += 120
        return images, labels

    images, labels = draw(n)
    test_images, test_labels = draw(m)
    np.savez(
        path,
        x_train=images,
        y_train=labels,
        x_test=test_images,
        y_test=test_labels,
        class_names=np.array(["low", "mid", "top"]),
    )
    return path
