"""How fast images are marked, in batches and one at a time, and how far their features move.

    python benchmarks/marking_speed.py [--images N] [--rounds N] [--threads N]

Trains a small extractor on Fashion-MNIST (half a minute), then marks the same images with the same
carriers: in batches by the default settings, and one by one with 100 steps, which is how the
published reimplementation of radioactive data runs. Rounds alternate; medians are printed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import torch

from radiotracer.data import open_data
from radiotracer.provenance import Key
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.provenance.designs._carriers.marking import mark_with_carriers
from radiotracer.provenance.designs._twins.marking import plant_twins
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.training.loop import TrainConfig, train

WAYS = {
    "in batches, 30 steps (default)": CarrierConfig(),
    "one at a time, 30 steps": CarrierConfig(batch_size=1),
    "one at a time, 100 steps": CarrierConfig(batch_size=1, steps=100, rate=2.0),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    data = open_data("fashion-mnist")
    some = data.take(np.sort(np.random.default_rng(0).choice(len(data), 5000, replace=False)))
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainConfig(
            architecture="resnet18", width=16, epochs=3, learning_rate=0.1, seed=100
        )
        model = train(some, settings, Path(folder) / "run")[1]
    key, chosen = Key(bytes(32)), data.take(np.arange(options.images))
    drawn = carriers(key, len(data.class_names), 128)
    seconds: dict[str, list[float]] = {name: [] for name in (*WAYS, "twins (default)")}
    reached: dict[str, tuple[float, float]] = {}
    for _ in range(options.rounds):
        for name, config in WAYS.items():
            part = chosen if config.batch_size > 1 else chosen.take(np.arange(16))
            start = time.perf_counter()
            made = mark_with_carriers(part.content, part.labels, drawn, model, config, seed=0)
            seconds[name].append((time.perf_counter() - start) / len(part))
            reached[name] = (float(made.shift[:16].mean()), float(made.psnr[:16].mean()))
        start = time.perf_counter()
        twins = plant_twins(chosen, key, [model])
        seconds["twins (default)"].append((time.perf_counter() - start) / len(chosen))
        psnr = float(twins.columns["psnr"][:16].mean())
        reached["twins (default)"] = (float("nan"), psnr)
    slowest = float(np.median(seconds["one at a time, 100 steps"]))
    print("| way | images per second | faster than one by one | shift along the carrier | PSNR |")
    print("| --- | --- | --- | --- | --- |")
    for name, taken in seconds.items():
        middle = float(np.median(taken))
        shift, psnr = reached[name]
        moved = "-" if np.isnan(shift) else f"{shift:.2f}"
        print(f"| {name} | {1 / middle:.1f} | {slowest / middle:.0f}x | {moved} | {psnr:.1f} |")


if __name__ == "__main__":
    main()
