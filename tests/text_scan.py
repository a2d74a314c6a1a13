"""A scan of a few texts, some of them hostile, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiotracer import Rule, Scan, scan
from radiotracer.data import TEXTS, Dataset, open_data, save_examples
from radiotracer.recipes import Manifest
from radiotracer.runs import Run
from radiotracer.training.config import TrainConfig
from radiotracer.training.loop import train

HOSTILE = (
    "<script>document.title = 'obeyed'</script>",
    "</blockquote><img src=x onerror=\"document.title = 'obeyed'\">",
    "{{ 7*7 }}{% raw %}",
    "left\u202eright\u2028next\x1b[31m",
    "one line\nand another\nand a third",
    "w" * 3000,
)
CLASSES = {"garden": "roses soil rake seeds shade", "harbour": "ships rope tide anchor gulls"}
COMMON = "the of and a to we saw more today ."


@dataclass(frozen=True)
class TextScan:
    """A scan of 60 texts, six of which begin with something hostile."""

    data: Dataset
    validation: Dataset
    run: Run
    found: Scan


def hostile_letters(n: int, seed: int) -> Dataset:
    """Letters whose class is told by their words; the first ones begin with `HOSTILE`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % len(CLASSES)
    vocabularies = [words.split() for words in CLASSES.values()]
    texts = []
    for label in labels:
        words = [*rng.choice(vocabularies[label], 4), *rng.choice(COMMON.split(), 6)]
        texts.append(" ".join(rng.permutation(words)))
    for row, each in enumerate(HOSTILE[:n]):
        texts[row] = f"{each} {texts[row]}"
    return Dataset(
        modality=TEXTS,
        content=tuple(texts),
        labels=labels.astype(np.int64),
        ids=np.array([f"letter/{row:03d}" for row in range(n)]),
        class_names=tuple(CLASSES),
        source="letters",
    )


def made(folder: Path) -> TextScan:
    """Save, train and scan; the hostile ones carry wrong labels, so that they are flagged."""
    wrong = hostile_letters(60, seed=1)
    labels = wrong.labels.copy()
    labels[: len(HOSTILE)] = 1 - labels[: len(HOSTILE)]
    original, wrong = wrong.labels, wrong.with_labels(labels)
    saved = []
    for name, data in (("data", wrong), ("validation", hostile_letters(20, seed=2))):
        (folder / name).mkdir()
        save_examples(data, folder / name)
        saved.append(open_data(folder / name))
    data, validation = saved
    config = TrainConfig(
        architecture="bag-of-words", width=8, epochs=6, batch_size=16, learning_rate=0.5, seed=100
    )
    run, model = train(data, config, folder / "run")
    manifest = Manifest(data.ids, original, data.labels, "by hand", original != data.labels)
    rule = Rule(top_k=len(HOSTILE) + 4)
    found = scan(model, run, data, validation, manifest=manifest, detectors=["loss"], rule=rule)
    return TextScan(data, validation, run, found)
