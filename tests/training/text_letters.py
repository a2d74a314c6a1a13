"""Letters whose class is told by their words, for quick trainings."""

from __future__ import annotations

import numpy as np

from radiotracer.data import TEXTS, Dataset
from radiotracer.training.config import TrainConfig

QUICK = TrainConfig(
    architecture="bag-of-words", width=8, epochs=6, batch_size=16, learning_rate=0.5, seed=100
)
CLASSES = {"garden": "roses soil rake seeds shade", "harbour": "ships rope tide anchor gulls"}
COMMON = "the of and a to we saw more today ."


def letters(n: int, seed: int, told: int = 4) -> Dataset:
    """n letters of ten words, `told` of which are those of their class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(n) % len(CLASSES)
    vocabularies = [words.split() for words in CLASSES.values()]
    texts = []
    for label in labels:
        words = [*rng.choice(vocabularies[label], told), *rng.choice(COMMON.split(), 10 - told)]
        texts.append(" ".join(rng.permutation(words)))
    return Dataset(
        modality=TEXTS,
        content=tuple(texts),
        labels=labels.astype(np.int64),
        ids=np.array([f"letter/{row:04d}" for row in range(n)]),
        class_names=tuple(CLASSES),
        source="letters",
    )
