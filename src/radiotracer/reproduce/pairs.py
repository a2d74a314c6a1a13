"""A hundred classes out of two data sets of ten: every digit beside every kind of clothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from radiotracer.data import IMAGES, Dataset, open_data

PAIRS = "mnist-by-fashion"
"""The name that experiments know it by."""


def pairs(
    split: str = "train", *, seed: int = 0, report: Callable[[str], None] | None = None
) -> Dataset:
    """MNIST beside Fashion-MNIST: 28 x 56 pixels, class ``10 * digit + clothing``.

    Each image of either is used once; which ones meet is drawn by the seed.

    Args:
        split: ``train`` (60,000 examples) or ``test`` (10,000).
        seed: At least 0.
        report: Takes a line when data are fetched.
    """
    digits = open_data(f"mnist:{split}", report=report)
    clothes = open_data(f"fashion-mnist:{split}", report=report)
    met = np.random.default_rng((seed, split == "test")).permutation(len(digits))
    return Dataset(
        modality=IMAGES,
        content=np.concatenate([digits.content[met], clothes.content], axis=2),
        labels=10 * digits.labels[met] + clothes.labels,
        ids=np.array([f"{split}/{row:05d}" for row in range(len(met))]),
        class_names=tuple(f"{d} {c}" for d in digits.class_names for c in clothes.class_names),
        source=f"{PAIRS}:{split}",
        validation=f"{PAIRS}:test",
    )
