"""What ``scan --plan`` tells, held against what the scan then takes.

    python -m bench planning [--images N] [--epochs N] [--rounds N] [--workers N ...]

Trains a small network on MNIST; then, by turns and for each number of workers, the two commands as
a user gives them: the plan, and the scan. Printed are what was told and what was taken of each
part, in seconds, as medians over the rounds, and the largest deviation of a whole scan.
"""

from __future__ import annotations

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

from bench.tables import table
from bench.worlds import trained_on_disk
from radiotracer.scanning.walk import STAGES

PARTS = ("open", *STAGES, "rank", "whole")


def main(
    *,
    images: int = 20_000,
    epochs: int = 4,
    width: int = 8,
    rounds: int = 3,
    workers: tuple[int, ...] = (0, 1, 2),
) -> None:
    """Print a table per number of workers.

    Args:
        images: Training images.
        epochs: Of the training, a checkpoint after each.
        width: Of the network.
        rounds: That medians are taken of.
        workers: Numbers of worker processes; 0 for none.
    """
    with tempfile.TemporaryDirectory(prefix="planning-") as name:
        folder = Path(name)
        trained_on_disk(folder, images=images, epochs=epochs, width=width)
        for count in workers:
            told: dict[str, list[float]] = defaultdict(list)
            took: dict[str, list[float]] = defaultdict(list)
            for _ in range(rounds):
                for part, seconds in planned(folder, count).items():
                    told[part].append(seconds)
                for part, seconds in scanned(folder, count).items():
                    took[part].append(seconds)
            tell(count, told, took)


def command(folder: Path, workers: int) -> list[str]:
    """What both commands begin with."""
    shared = [sys.executable, "-m", "radiotracer", "scan", str(folder / "run"), "--json"]
    shared += ["--validation", "mnist:test", "--out", str(folder / "scan")]
    return shared + (["--workers", str(workers)] if workers else [])


def planned(folder: Path, workers: int) -> dict[str, float]:
    """What the plan tells, by part."""
    given = [*command(folder, workers), "--plan", "--overwrite"]  # nothing is written
    ended = subprocess.run(given, capture_output=True, check=True, env=environment())
    plan = json.loads(ended.stdout)
    told = {"open": plan["opening_seconds"]}
    told |= {kind: plan["stages"][kind]["seconds"] for kind in STAGES}
    return told | {"rank": plan["ranking_seconds"], "whole": plan["seconds"]}


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
    rows = ((p, f"{np.median(told[p]):.1f}", f"{np.median(took[p]):.1f}") for p in PARTS)
    print(table(["part", "told, s", "took, s"], rows))
    ratios = np.divide(told["whole"], took["whole"]) - 1
    worst = ratios[np.abs(ratios).argmax()]
    print(f"\nTold against taken: {np.median(ratios):+.0%}, at worst {worst:+.0%}.", flush=True)
