"""How fast images are marked, in batches and one at a time, and how far their features move.

    python -m bench marking_speed [--images N] [--rounds N]

Trains a small extractor on Fashion-MNIST (half a minute), then marks the same images with the same
carriers: in batches by the default settings, and one by one with 100 steps, which is how the
published reimplementation of radioactive data runs. Rounds alternate; medians are printed.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from bench.tables import table
from radiotracer.data import open_data
from radiotracer.provenance import Key
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._carriers.marking import mark_with_carriers
from radiotracer.provenance.designs._twins.marking import lay_twins, published
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.reproduce.demo import sample
from radiotracer.training.loop import TrainConfig, train

WAYS = {
    "in batches, 30 steps (default)": CarrierConfig(),
    "one at a time, 30 steps": CarrierConfig(batch_size=1),
    "one at a time, 100 steps": CarrierConfig(batch_size=1, steps=100, rate=2.0),
}


def main(*, images: int = 256, rounds: int = 3) -> None:
    """Print the table.

    Args:
        images: How many are marked in a batch.
        rounds: That medians are taken of.
    """
    data = open_data("fashion-mnist")
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainConfig(
            architecture="resnet18", width=16, epochs=3, learning_rate=0.1, seed=100
        )
        model = train(sample(data, 5000, 0), settings, Path(folder) / "run")[1]
    key, chosen = Key(bytes(32)), data.take(np.arange(images))
    drawn = carriers(key, len(data.class_names), 128)
    seconds: dict[str, list[float]] = {name: [] for name in (*WAYS, "twins (default)")}
    reached: dict[str, tuple[float, float]] = {}
    for _ in range(rounds):
        for name, config in WAYS.items():
            part = chosen if config.batch_size > 1 else chosen.take(np.arange(16))
            start = time.perf_counter()
            made = mark_with_carriers(part.content, part.labels, drawn, model, config, seed=0)
            seconds[name].append((time.perf_counter() - start) / len(part))
            reached[name] = (float(made.shift[:16].mean()), float(made.psnr[:16].mean()))
        start = time.perf_counter()
        twins = published(lay_twins(chosen, [model]), chosen, key)
        seconds["twins (default)"].append((time.perf_counter() - start) / len(chosen))
        psnr = float(twins.columns["psnr"][:16].mean())
        reached["twins (default)"] = (float("nan"), psnr)
    slowest = float(np.median(seconds["one at a time, 100 steps"]))
    titles = ("way", "images per second", "faster than one by one", "shift along the carrier")
    rows = []
    for name, taken in seconds.items():
        middle = float(np.median(taken))
        shift, psnr = reached[name]
        moved = "-" if np.isnan(shift) else f"{shift:.2f}"
        rows.append([name, f"{1 / middle:.1f}", f"{slowest / middle:.0f}x", moved, f"{psnr:.1f}"])
    print(table([*titles, "PSNR"], rows))
