"""What is left of `train`, `scan` and `mark` that are killed at random moments.

    python -m bench kills [--kills 50] [--seed 0] [--only COMMAND] [--out FILE]

Each command is a real process on 600 small images. It is killed with SIGKILL, looked at, and
started again until it is complete; then it begins from nothing, until it was killed often enough.
One kill in five comes at any moment of the start, the others while units are being done.

- corrupt files: those that are not what their SHA-256 says, after any kill
- lost units: finished ones (or checkpoints) that are not there after a later kill
- different files: those that differ from those of an uninterrupted command, times apart
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

import numpy as np

from bench.keeping import write_json
from bench.killing import Command, Tally, kill_again_and_again
from bench.tables import table
from radiotracer.provenance import Key

NETWORK = (
    "--architecture",
    "small-cnn",
    "--width",
    "8",
    "--batch-size",
    "20",
    "--augment",
    "crops",
)


def start(arguments: list[str], home: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "radiotracer", *arguments],
        cwd=home,
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
    mark = ("mark", str(data), "--key", str(key), "--extractor", str(run), "--share", "0.5")
    scan = ("scan", str(run), "--batch-size", "25")
    return [
        Command("train", train, "training", "run.json"),
        Command("scan", scan, "units", "summary.json"),
        Command("mark", (*mark, "--design", "tags"), "marking", "commitment.json"),
    ]


def told(each: Tally) -> tuple[object, ...]:
    same = "yes" if not each.different else f"no: {each.different} files differ"
    return each.name, each.kills, each.corrupt, each.lost, same


def main(
    *,
    kills: int = 50,
    seed: int = 0,
    only: Literal["train", "scan", "mark"] | None = None,
    out: Path | None = None,
) -> int:
    """Print the table; 1 where anything was corrupt, lost or different.

    Args:
        kills: How many in all.
        seed: Of the moments.
        only: One of the commands.
        out: A JSON file for the numbers.
    """
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        tallies = []
        asked = [each for each in commands(home) if only in {None, each.name}]
        for number, command in enumerate(asked):
            count = kills // len(asked) + (number < kills % len(asked))
            place = home / command.name
            place.mkdir()
            tallies.append(
                kill_again_and_again(command, start, place, kills=count, seed=seed + number)
            )
            print(tallies[-1], file=sys.stderr, flush=True)
    titles = ("command", "kills", "corrupt files", "lost units", "the same in the end")
    print(table(titles, map(told, tallies)))
    write_json(out, [dataclasses.asdict(each) for each in tallies])
    return int(any(each.corrupt or each.lost or each.different for each in tallies))
