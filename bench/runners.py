"""What a scan costs by each runner: this process, processes, Ray.

    python benchmarks/runners.py [--images N] [--epochs N] [--width N] [--rounds N] [--runner R ...]

Trains a small network on MNIST, then does the same scan by every runner, by turns, each time with a
new folder of units. One thread in every worker, so that all results have the same bits, which is
checked. Two times are reported: the whole scan, with the start of processes or of Ray, and from the
first finished unit of each kind to the last, which a longer scan is made of. Medians of the rounds,
and of the ratios within each round. `--runner` names those to time, beside the first.
"""

from __future__ import annotations

import argparse
import functools
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from radiotracer.data import open_data, save_examples
from radiotracer.runs import Run
from radiotracer.scale import FolderLedger, InProcess, Processes, RayRunner, Runner
from radiotracer.scanning import Scan, scan
from radiotracer.scanning.execution import Execution, Given
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.networks import build_model

ALONE = "InProcess(threads=1)"
"""What all others are compared with."""

RUNNERS: dict[str, Runner] = {
    ALONE: InProcess(threads=1),
    "Processes(1)": Processes(1),
    "Processes(2)": Processes(2),
    "RayRunner(2)": RayRunner(2),
}


def opened(run: Path, data: Path) -> Given:
    """What workers open."""
    recorded = Run.open(run)
    train_data = open_data(str(data))
    return Given(build_model(recorded.info.model), recorded, train_data, open_data("mnist:test"))


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


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runner", action="append", choices=list(RUNNERS), default=[])
    parser.add_argument("--batch-size", type=int, default=256)
    options = parser.parse_args()
    whole: dict[str, list[float]] = defaultdict(list)
    steady: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="runners-") as name:
        folder = Path(name)
        given = prepared(folder, options)
        expected = None
        chosen = [ALONE, *options.runner] if options.runner else list(RUNNERS)
        for number in range(options.rounds):
            for kind in chosen:
                runner = RUNNERS[kind]
                units = FolderLedger(folder / f"units-{number}-{kind}")
                find = functools.partial(opened, folder / "run", folder / "data")
                clock, start = Clock(), time.perf_counter()
                found = scan(
                    given.model,
                    given.run,
                    given.train,
                    given.queries,
                    batch_size=options.batch_size,
                    execution=Execution(runner, units, find),
                    progress=clock.tick,
                )
                whole[kind].append(time.perf_counter() - start)
                steady[kind].append(clock.seconds())
                units.remove()
                expected = expected or found
                same(expected, found)
    tell(whole, steady, options)


def prepared(folder: Path, options: argparse.Namespace) -> Given:
    """Train, and put what workers open on the disk."""
    mnist = open_data("mnist")
    rows = np.sort(np.random.default_rng(0).choice(len(mnist), options.images, replace=False))
    (folder / "data").mkdir()
    save_examples(mnist.take(rows), folder / "data")
    data = open_data(str(folder / "data"))
    config = TrainConfig(
        architecture="resnet18", width=options.width, epochs=options.epochs, seed=0
    )
    train(data, config, folder / "run")
    return opened(folder / "run", folder / "data")


def same(one: Scan, other: Scan) -> None:
    """Speed that changes a result is none."""
    for name, ranking in one.rankings.items():
        np.testing.assert_array_equal(ranking.scores, other.rankings[name].scores, err_msg=name)


def tell(
    whole: dict[str, list[float]], steady: dict[str, list[float]], options: argparse.Namespace
) -> None:
    """Print medians, and ratios within rounds."""
    print(f"{options.images:,} images, {options.epochs} checkpoints, {options.rounds} rounds.\n")
    print("| runner | whole scan, s | speed-up | without start, s | speed-up |")
    print("| --- | --- | --- | --- | --- |")
    for kind in whole:
        cells = []
        for seconds in (whole, steady):
            speed_up = ratio(seconds[ALONE], seconds[kind])
            cells += [f"{np.median(seconds[kind]):.1f}", f"{speed_up:.2f}x"]
        print(f"| {kind} | {' | '.join(cells)} |")
    if "RayRunner(2)" not in whole or "Processes(2)" not in whole:
        return
    for what, seconds in (("whole scan", whole), ("without start", steady)):
        over = ratio(seconds["RayRunner(2)"], seconds["Processes(2)"]) - 1
        print(f"\nRay's overhead over Processes(2), {what}: {100 * over:+.1f} %")


def ratio(above: list[float], below: list[float]) -> float:
    """The median over the rounds."""
    return float(np.median(np.divide(above, below)))


if __name__ == "__main__":
    main()
