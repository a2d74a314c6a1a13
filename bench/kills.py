"""What is left of `train`, `scan` and `mark` that are killed at random moments.

    python benchmarks/kills.py [--kills 50] [--seed 0] [--only COMMAND] [--json FILE]

Each command is a real process on 600 small images. It is killed with SIGKILL, looked at, and
started again until it is complete; then it begins from nothing, until it was killed often enough.
One kill in five comes at any moment of the start, the others while units are being done.

- corrupt files: those that are not what their SHA-256 says, after any kill
- lost units: finished ones (or checkpoints) that are not there after a later kill
- different files: those that differ from the command in peace, times apart
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.killing import Command, Tally, kill_again_and_again
from radiotracer.provenance import Key

NETWORK = ("--model", "small-cnn", "--width", "8", "--batch-size", "20", "--augment", "crops")


def start(arguments: list[str], home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "radiotracer", *arguments],
        cwd=home,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def archive(path: Path, n: int = 600) -> Path:
    """Noise with a bright row at a place that says which of three classes it is."""
    generator = np.random.default_rng(0)
    labels = np.arange(n) % 3
    images = generator.integers(0, 90, (n, 16, 16), dtype=np.uint8)
    images[np.arange(n), 4 * labels + 2] += 120
    half = n // 2
    np.savez(
        path,
        x_train=images[half:], y_train=labels[half:], x_test=images[:half], y_test=labels[:half],
    )  # fmt: skip
    return path


def commands(home: Path) -> list[Command]:
    """One of each, and what it needs."""
    data, run, key = archive(home / "data.npz"), home / "run", home / "my.key"
    Key(bytes(range(32))).write(key)
    train = ("train", str(data), *NETWORK, "--epochs", "12")
    if start([*train, "--out", str(run)], home).wait() != 0:
        raise SystemExit("training failed")
    mark = ("mark", str(data), "--key", str(key), "--extractor", str(run), "--fraction", "0.5")
    scan = ("scan", str(run), "--batch-size", "25")
    return [
        Command("train", train, "training", "run.json"),
        Command("scan", scan, "units", "summary.json"),
        Command("mark", (*mark, "--design", "tags"), "marking", "commitment.json"),
    ]


def table(tallies: list[Tally]) -> list[str]:
    rows = [
        "| command | kills | corrupt files | lost units | the same in the end |",
        "|---|---|---|---|---|",
    ]
    for each in tallies:
        same = "yes" if not each.different else f"no: {each.different} files differ"
        rows.append(f"| {each.name} | {each.kills} | {each.corrupt} | {each.lost} | {same} |")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("train", "scan", "mark"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        tallies = []
        asked = [each for each in commands(home) if given.only in {None, each.name}]
        for number, command in enumerate(asked):
            kills = given.kills // len(asked) + (number < given.kills % len(asked))
            place = home / command.name
            place.mkdir()
            seed = given.seed + number
            tallies.append(kill_again_and_again(command, start, place, kills=kills, seed=seed))
            print(tallies[-1], file=sys.stderr, flush=True)
    print("\n".join(table(tallies)))
    if given.json is not None:
        given.json.write_text(json.dumps([dataclasses.asdict(t) for t in tallies], indent=2) + "\n")
    return int(any(each.corrupt or each.lost or each.different for each in tallies))


if __name__ == "__main__":
    raise SystemExit(main())
