"""What `radiotracer check` finds in a folder of 5,000 images, and how long it takes.

    python benchmarks/check_folder.py [--data fashion-mnist] [--examples 5000] [--seed 0 ...]

The folder is made of a random part of the data, 10 % of the labels flipped at random, in two ways:
the images as they are (PNG), and as photographs of 800 x 600 pixels (JPEG). The command runs in a
process of its own, as a user would run it, and is not told what was flipped.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from radiotracer.data import Dataset, open_data
from radiotracer.recipes import random_flip
from radiotracer.reproduce.demo import sample

KINDS = {"PNG, as they are": None, "JPEG, 800 x 600": (800, 600)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--examples", type=int, default=5000)
    parser.add_argument("--seed", type=int, action="append")
    arguments = parser.parse_args()
    print("| images | seed | seconds | recall | false-positive rate | wrong among first 100 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for kind, size in KINDS.items():
        seconds = []
        for seed in arguments.seed or [0, 1, 2]:
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place) / "images"
                tampered = written(folder, arguments.data, arguments.examples, seed, size)
                began = time.perf_counter()
                command = [sys.executable, "-m", "radiotracer", "check", str(folder)]
                done = subprocess.run(
                    [*command, "--out", f"{place}/checked"],
                    check=False,
                    capture_output=True,
                    text=True,
                )
                seconds.append(time.perf_counter() - began)
                if done.returncode not in (0, 1):
                    sys.exit(done.stderr)
                rows = pq.read_table(f"{place}/checked/scan/suspects.parquet").to_pylist()
            flagged = {row["id"] for row in rows if row["is_suspect"]}
            wrong = len(flagged - tampered) / (len(rows) - len(tampered))
            first = sum(row["id"] in tampered for row in rows[:100])
            recall = len(flagged & tampered) / len(tampered)
            print(
                f"| {kind} | {seed} | {seconds[-1]:.0f} | {recall:.1%} | {wrong:.1%} | {first} |",
                flush=True,
            )
        print(f"| {kind} | median | {statistics.median(seconds):.0f} | | | |", flush=True)


def written(
    folder: Path, data: str, size: int, seed: int, resized: tuple[int, int] | None
) -> set[str]:
    """Write the images into one folder per class; the ids of those whose labels were flipped."""
    clean: Dataset = sample(open_data(data), size, seed)
    flipped, _ = random_flip(clean, share=0.1, seed=seed)
    tampered = set()
    for row, (pixels, label) in enumerate(zip(flipped.content, flipped.labels, strict=True)):
        name = flipped.class_names[label].replace("/", " or ")
        (folder / name).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(np.squeeze(pixels))
        file = Path(name) / f"{row:05}.{'png' if resized is None else 'jpg'}"
        if resized is not None:
            image = image.resize(resized, Image.Resampling.BICUBIC).convert("RGB")
        image.save(folder / file)
        if label != clean.labels[row]:
            tampered.add(file.as_posix())
    return tampered


if __name__ == "__main__":
    main()
