"""What ``scan --plan`` tells, held against what the scan then takes.

    python benchmarks/planning.py [--images N] [--epochs N] [--rounds N] [--workers N ...]

Trains a small network on MNIST; then, by turns and for each number of workers, the two commands as
a user gives them: the plan, and the scan. Printed are what was told and what was taken of each
part, in seconds, as medians over the rounds, and the largest deviation of a whole scan.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import numpy as np

from radiotracer.data import open_data, save_examples
from radiotracer.scanning.walk import STAGES
from radiotracer.training.loop import TrainConfig, train

PARTS = ("open", *STAGES, "rank", "whole")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, action="append", default=[], help="0 for none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="planning-") as name:
        folder = Path(name)
        prepare(folder, options)
        for workers in options.workers or [0, 1, 2]:
            told: dict[str, list[float]] = defaultdict(list)
            took: dict[str, list[float]] = defaultdict(list)
            for _ in range(options.rounds):
                for part, seconds in planned(folder, workers).items():
                    told[part].append(seconds)
                for part, seconds in scanned(folder, workers).items():
                    took[part].append(seconds)
            tell(workers, told, took)


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """Train, in a folder of its own."""
    mnist = open_data("mnist")
    rows = np.sort(np.random.default_rng(0).choice(len(mnist), options.images, replace=False))
    (folder / "data").mkdir()
    save_examples(mnist.take(rows), folder / "data")
    config = TrainConfig(
        architecture="resnet18", width=options.width, epochs=options.epochs, seed=0
    )
    train(open_data(str(folder / "data")), config, folder / "run")


def command(folder: Path, workers: int) -> list[str]:
    """What both commands begin with."""
    shared = [sys.executable, "-m", "radiotracer", "scan", str(folder / "run"), "--json"]
    shared += ["--queries", "mnist:test", "--out", str(folder / "scan")]
    return shared + (["--workers", str(workers)] if workers else [])


def planned(folder: Path, workers: int) -> dict[str, float]:
    """What the plan tells, by part."""
    given = [*command(folder, workers), "--plan", "--overwrite"]  # nothing is written
    ended = subprocess.run(given, capture_output=True, check=True, env=environment())
    plan = json.loads(ended.stdout)
    stages = {kind: plan["stages"][kind]["seconds"] for kind in STAGES}
    return {
        "open": plan["opening_seconds"],
        **stages,
        "rank": plan["ranking_seconds"],
        "whole": plan["seconds"],
    }


def scanned(folder: Path, workers: int) -> dict[str, float]:
    """What the scan takes, by part: stages end when their last example is told."""
    log = folder / "log.jsonl"
    log.unlink(missing_ok=True)
    begun = time.time()
    given = [*command(folder, workers), "--log-json", str(log), "--overwrite"]
    ended = subprocess.run(given, capture_output=True, check=False, env=environment())
    whole = time.time() - begun
    assert ended.returncode in (0, 1), ended.stderr
    events = [json.loads(line) for line in log.read_text().splitlines()]
    progress = [event for event in events if event["event"] == "progress"]
    last = datetime.fromisoformat(progress[0]["time"]).timestamp()
    parts = {"open": last - begun}
    for kind, words in STAGES.items():
        done = [e for e in progress if e["stage"] == words and e["done"] == e["of"]]
        end = datetime.fromisoformat(done[0]["time"]).timestamp() if done else last
        parts[kind] = end - last
        last = end
    return {**parts, "rank": begun + whole - last, "whole": whole}


def environment() -> dict[str, str]:
    """As a user's, whatever this process was started with."""
    return {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}


def tell(workers: int, told: dict[str, list[float]], took: dict[str, list[float]]) -> None:
    """Print medians."""
    print(f"\n{f'{workers} workers' if workers else 'in this process'}:\n")
    print("| part | told, s | took, s |\n| --- | --- | --- |")
    for part in PARTS:
        print(f"| {part} | {np.median(told[part]):.1f} | {np.median(took[part]):.1f} |")
    ratios = np.divide(told["whole"], took["whole"]) - 1
    worst = ratios[np.abs(ratios).argmax()]
    print(f"\nTold against taken: {np.median(ratios):+.0%}, at worst {worst:+.0%}.", flush=True)


if __name__ == "__main__":
    main()
