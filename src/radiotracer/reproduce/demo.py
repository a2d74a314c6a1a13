"""The main job on real data, end to end: MNIST, tampered labels, a training, a scan."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from radiotracer.data import Dataset, open_data, save_examples
from radiotracer.files import require_new_folder, storage_errors, write_text
from radiotracer.recipes import random_flip, targeted_flip
from radiotracer.scanning import Progress, Scan, scan, write_scan_files
from radiotracer.training.loop import TrainConfig, train

DEMO_FILE = "demo.json"
"""Marks a folder as a demo's: only such folders are ever replaced."""


class DemoConfig(BaseModel):
    """What a demo does.

    Args:
        recipe: ``random-flip`` of 10 % of all labels, or ``targeted-flip`` of 10 % of the 3s to 9.
        seed: Tampering, training and scan follow from it.
        examples: How many training examples (a random part), or None for all 60,000.
        queries: How many validation examples, or None for all 10,000.
        width: Channels of the first stage of the ResNet-18 (64 is the standard network).
        epochs: Passes over the data; a checkpoint follows each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: Literal["random-flip", "targeted-flip"] = "random-flip"
    seed: int = Field(default=0, ge=0)
    examples: int | None = None
    queries: int | None = None
    width: int = 16
    epochs: int = 4


QUICK = {"examples": 10_000, "queries": 2_000}
"""Settings of ``demo --quick``: 10,000 images."""


@dataclass(frozen=True)
class Demo:
    """A finished demo: the scan, what summary.json holds, and seconds by stage."""

    scan: Scan
    summary: dict[str, Any]
    seconds: dict[str, float]


def run_demo(
    config: DemoConfig,
    out: Path,
    *,
    command: str,
    progress: Progress = lambda *_: None,
    report: Callable[[str], None] | None = None,
) -> Demo:
    """Get MNIST, tamper, train ResNet-18 on the tampered labels, scan, and write everything.

    `out` gets the scan's files, ``mnist-RECIPE/`` (the tampered data, their manifest) and ``run/``.
    An earlier demo in `out` is replaced; a folder with anything else in it is refused.
    """
    data = out / f"mnist-{config.recipe}"
    require_new_folder(out, marker=DEMO_FILE, overwrite=True)
    clock = _Clock()
    clean = sample(open_data("mnist", report=report), config.examples, config.seed)
    queries = sample(open_data("mnist:test", report=report), config.queries, config.seed)
    clock.lap("data")
    with storage_errors(out):
        if out.exists():
            shutil.rmtree(out)
        data.mkdir(parents=True)
    write_text(out / DEMO_FILE, config.model_dump_json(indent=2) + "\n")
    if config.recipe == "random-flip":
        tampered, manifest = random_flip(clean, share=0.1, seed=config.seed)
    else:
        tampered, manifest = targeted_flip(
            clean, share=0.1, seed=config.seed, from_class=3, to_class=9
        )
    provenance = {"source": clean.source, "share": 0.1, **config.model_dump()}
    save_examples(tampered, data, provenance=provenance)
    manifest.write(data)
    tampered = open_data(str(data))
    clock.lap("tampering")
    run, model = train(
        tampered,
        TrainConfig(
            architecture="resnet18", width=config.width, epochs=config.epochs, seed=config.seed
        ),
        out / "run",
        progress=progress,
    )
    clock.lap("training")
    found = scan(
        model, run, tampered, queries, manifest=manifest, seed=config.seed, progress=progress
    )
    clock.lap("scan")
    summary = write_scan_files(found, out, command=command)
    clock.lap("report")
    return Demo(found, summary, clock.laps)


def sample(examples: Dataset, size: int | None, seed: int) -> Dataset:
    """A random part of the examples, in their own order."""
    if size is None or size >= len(examples):
        return examples
    rows = np.random.default_rng(seed).choice(len(examples), size=size, replace=False)
    return examples.take(np.sort(rows))


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = now - self._last
        self._last = now
