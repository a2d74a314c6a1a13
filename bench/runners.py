"""What a scan costs by each runner: this process, processes, Ray.

    python -m bench runners [--images N] [--epochs N] [--width N] [--rounds N] [--others R ...]

Trains a small network on MNIST, then does the same scan by every runner, by turns, each time with a
new folder of units. One thread in every worker, so that all results are bit-identical, which is
checked. Two times are reported: the whole scan, with the start of processes or of Ray, and from the
first finished unit of each kind to the last, which a longer scan is made of. Medians of the rounds,
and of the ratios within each round. `--others` names those to time, beside the first.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.tables import table
from bench.worlds import trained_on_disk
from radiotracer.data import open_data
from radiotracer.runs import Run
from radiotracer.scale import FolderLedger, InProcess, Processes, RayRunner, Runner
from radiotracer.scanning import Scan, scan
from radiotracer.scanning.execution import Execution
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.training.networks import build_model

ALONE = "InProcess(threads=1)"
"""What all others are compared with."""

RUNNERS: dict[str, Runner] = {
    ALONE: InProcess(threads=1),
    "Processes(1)": Processes(1),
    "Processes(2)": Processes(2),
    "RayRunner(2)": RayRunner(2),
}


def opened(run: Path, data: Path) -> ScanInputs:
    """What workers open."""
    recorded = Run.open(run)
    train_data = open_data(str(data))
    return ScanInputs(
        build_model(recorded.info.model), recorded, train_data, open_data("mnist:test")
    )


@dataclass
class Clock:
    """Times from the first finished unit of each kind to the last, and how much that was."""

    first: dict[str, tuple[float, int]] = field(default_factory=dict)
    last: dict[str, tuple[float, int]] = field(default_factory=dict)

    def tick(self, what: str, done: int, of: int) -> None:
        if done:
            now = (time.perf_counter(), done)
            self.first.setdefault(what, now)
            self.last[what] = now

    def seconds(self) -> float:
        """For all examples of every kind with more than one unit, at the speed between."""
        whole = 0.0
        for what, (begun, had) in self.first.items():
            ended, done = self.last[what]
            if done > had:
                whole += (ended - begun) * done / (done - had)
        return whole


def main(
    *,
    images: int = 10_000,
    epochs: int = 4,
    width: int = 8,
    rounds: int = 3,
    others: tuple[str, ...] = tuple(RUNNERS)[1:],
    batch_size: int = 256,
) -> None:
    """Print the table.

    Args:
        images: Training images.
        epochs: Of the training, a checkpoint after each.
        width: Of the network.
        rounds: That medians are taken of.
        others: Runners beside the first.
        batch_size: Examples per pass.
    """
    whole: dict[str, list[float]] = defaultdict(list)
    steady: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="runners-") as name:
        folder = Path(name)
        trained_on_disk(folder, images=images, epochs=epochs, width=width)
        given = opened(folder / "run", folder / "data")
        expected = None
        for number in range(rounds):
            for kind in (ALONE, *others):
                runner = RUNNERS[kind]
                units = FolderLedger(folder / f"units-{number}-{kind}")
                find = functools.partial(opened, folder / "run", folder / "data")
                clock, start = Clock(), time.perf_counter()
                found = scan(
                    given.model,
                    given.run,
                    given.train,
                    given.validation,
                    batch_size=batch_size,
                    execution=Execution(runner, units, find),
                    progress=clock.tick,
                )
                whole[kind].append(time.perf_counter() - start)
                steady[kind].append(clock.seconds())
                units.remove()
                expected = expected or found
                same(expected, found)
    print(f"{images:,} images, {epochs} checkpoints, {rounds} rounds.\n")
    tell(whole, steady)


def same(one: Scan, other: Scan) -> None:
    """Speed that changes a result is none."""
    for name, ranking in one.rankings.items():
        np.testing.assert_array_equal(ranking.scores, other.rankings[name].scores, err_msg=name)


def tell(whole: dict[str, list[float]], steady: dict[str, list[float]]) -> None:
    """Print medians, and ratios within rounds."""
    rows = []
    for kind in whole:
        rows.append([kind])
        for seconds in (whole, steady):
            speed_up = ratio(seconds[ALONE], seconds[kind])
            rows[-1] += [f"{np.median(seconds[kind]):.1f}", f"{speed_up:.2f}x"]
    titles = ("runner", "whole scan, s", "speed-up", "without start, s", "speed-up")
    print(table(titles, rows))
    if "RayRunner(2)" not in whole or "Processes(2)" not in whole:
        return
    for what, seconds in (("whole scan", whole), ("without start", steady)):
        over = ratio(seconds["RayRunner(2)"], seconds["Processes(2)"]) - 1
        print(f"\nRay's overhead over Processes(2), {what}: {100 * over:+.1f} %")


def ratio(above: list[float], below: list[float]) -> float:
    """The median over the rounds."""
    return float(np.median(np.divide(above, below)))
