"""Keys and recorded trainings that several benchmarks measure on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import nn

from radiotracer.data import Dataset, open_data, save_examples
from radiotracer.provenance import Key
from radiotracer.recipes import Manifest
from radiotracer.reproduce.demo import DemoConfig, run_demo, sample
from radiotracer.runs import Run
from radiotracer.scanning import scan, write_scan_files
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.networks import build_model

Flips = Literal["random-flip", "targeted-flip"]
"""Recipes of the demo."""

FLIPS: tuple[Flips, ...] = get_args(Flips)


@dataclass(frozen=True, eq=False)
class Demo:
    """What a demo trained on, and how."""

    model: nn.Module
    run: Run
    train: Dataset
    manifest: Manifest


def network_of(run: Run) -> nn.Module:
    """A recording's network, with weights that say nothing; the caller's generator is left."""
    with torch.random.fork_rng(devices=[]):
        return build_model(run.info.model)


def opened(folder: Path) -> Demo:
    """The training of a finished demo."""
    run = Run.open(folder / "run")
    data = open_data(str(run.info.data.source))
    manifest = Manifest.read(Path(data.source), data)
    assert manifest is not None
    return Demo(network_of(run), run, data, manifest)


def summary_of(config: DemoConfig, folder: Path, *, name: str) -> dict[str, Any]:
    """The summary of a demo: made, or scanned again with today's detectors, where it is missing."""
    summary, command = folder / "summary.json", f"bench {name}, {config.recipe}, seed {config.seed}"
    if not (folder / "run" / "run.json").exists():
        print(f"running {command} …", flush=True)
        run_demo(config, folder, command=command)
    elif not summary.exists():
        print(f"scanning {command} again …", flush=True)
        demo = opened(folder)
        queries = sample(open_data("mnist:test"), config.queries, config.seed)
        found = scan(
            demo.model, demo.run, demo.train, queries, manifest=demo.manifest, seed=config.seed
        )
        write_scan_files(found, folder, command=command)
    return dict(json.loads(summary.read_bytes()))


def trained_on_disk(folder: Path, *, images: int, epochs: int, width: int) -> None:
    """Some of MNIST in ``folder/data``, and in ``folder/run`` a small network's training on it."""
    (folder / "data").mkdir()
    save_examples(sample(open_data("mnist"), images, 0), folder / "data")
    config = TrainConfig(architecture="resnet18", width=width, epochs=epochs, seed=0)
    train(open_data(str(folder / "data")), config, folder / "run")


def key_of(purpose: str, number: int) -> Key:
    """A key that anybody can make again."""
    return Key(hashlib.sha256(f"{purpose}/{number}".encode()).digest())
