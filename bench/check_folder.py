"""What `radiotracer check` finds in a folder of 5,000 images, and how long it takes.

    python -m bench check_folder [--data fashion-mnist] [--examples 5000] [--seeds 0 ...]

The folder is made of a random part of the data, 10 % of the labels flipped at random, in two ways:
the images as they are (PNG), and as photographs of 800 x 600 pixels (JPEG). The command runs in a
process of its own, as a user would run it, and is not told what was flipped.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from bench.tables import head, row
from radiotracer.data import Dataset, open_data
from radiotracer.recipes import random_flip
from radiotracer.reproduce.demo import sample

KINDS = {"PNG, as they are": None, "JPEG, 800 x 600": (800, 600)}


def main(
    *, data: str = "fashion-mnist", examples: int = 5000, seeds: tuple[int, ...] = (0, 1, 2)
) -> None:
    """Print the table.

    Args:
        data: Where the images come from.
        examples: How many of them.
        seeds: Of the part and of the flips.
    """
    titles = ("images", "seed", "seconds", "recall", "false-positive rate", "wrong among first 100")
    print(head(titles))
    for kind, size in KINDS.items():
        seconds = []
        for seed in seeds:
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place) / "images"
                tampered = written(folder, data, examples, seed, size)
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
                rows = pq.read_table(f"{place}/checked/scan/ranking.parquet").to_pylist()
            flagged = {each["id"] for each in rows if each["is_flagged"]}
            wrong = len(flagged - tampered) / (len(rows) - len(tampered))
            first = sum(each["id"] in tampered for each in rows[:100])
            recall = len(flagged & tampered) / len(tampered)
            cells = (f"{seconds[-1]:.0f}", f"{recall:.1%}", f"{wrong:.1%}", first)
            print(row([kind, seed, *cells]), flush=True)
        print(row([kind, "median", f"{statistics.median(seconds):.0f}", "", "", ""]), flush=True)


def written(
    folder: Path, data: str, size: int, seed: int, resized: tuple[int, int] | None
) -> set[str]:
    """Write the images into one folder per class; the ids of those whose labels were flipped."""
    clean: Dataset = sample(open_data(data), size, seed)
    flipped, _ = random_flip(clean, share=0.1, seed=seed)
    tampered = set()
    for number, (pixels, label) in enumerate(zip(flipped.content, flipped.labels, strict=True)):
        name = flipped.class_names[label].replace("/", " or ")
        (folder / name).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(np.squeeze(pixels))
        file = Path(name) / f"{number:05}.{'png' if resized is None else 'jpg'}"
        if resized is not None:
            image = image.resize(resized, Image.Resampling.BICUBIC).convert("RGB")
        image.save(folder / file)
        if label != clean.labels[number]:
            tampered.add(file.as_posix())
    return tampered
