"""What a scan will cost, told before it is paid: a few batches are timed and extrapolated."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from radiotracer.detectors import Detector
from radiotracer.gradients import WHOLE, LossFunction, Precision, cross_entropy
from radiotracer.scale import MemoryLedger, torch_threads
from radiotracer.scanning.execution import Given, Settings
from radiotracer.scanning.ranking_cost import is_by_row, ranking_seconds
from radiotracer.scanning.units import Kind, Opened, ScanWork, Unit, Worker
from radiotracer.scanning.validate import chosen, require_settings
from radiotracer.scanning.validate import opened as open_asked
from radiotracer.scanning.walk import runnable

TIMED = 3
"""Batches that are timed, after one that is not: the first proves engines and warms caches."""

LOOK_S = 4.0
"""Seconds that may be spent on looking at examples to time their ranking."""


@dataclass(frozen=True)
class Stage:
    """The cost of one kind of units.

    Args:
        kind: Which.
        units: How many.
        examples: How many examples they look at, over all checkpoints.
        seconds: Of one worker.
        kept: Bytes of their results.
    """

    kind: Kind
    units: int
    examples: int
    seconds: float
    kept: int


@dataclass(frozen=True)
class Plan:
    """The cost of a scan.

    Args:
        stages: The kinds of units, in the order in which they are done.
        opening: Seconds until data and network are open, in the parent and then in the workers.
        ranking: Seconds of the detectors' own arithmetic, in one process.
        memory: Bytes that the largest process holds at its peak.
        workers: Between how many the units are shared.
    """

    stages: tuple[Stage, ...]
    opening: float
    ranking: float
    memory: int
    workers: int | None

    @property
    def seconds(self) -> float:
        """Of the whole scan, from start to end."""
        if self.workers is None:
            return self.opening + sum(stage.seconds for stage in self.stages) + self.ranking
        # The last round of a stage may leave workers without a unit.
        shared = sum(
            stage.seconds * -(-stage.units // self.workers) / stage.units
            for stage in self.stages
            if stage.units
        )
        return 2 * self.opening + shared + self.ranking

    @property
    def disk(self) -> int:
        """Bytes of all units that are kept until the scan ends."""
        return sum(stage.kept for stage in self.stages)


def plan_scan(
    given: Given,
    *,
    detectors: Sequence[str | Detector] = (),
    layers: Sequence[str] = (),
    loss: LossFunction = cross_entropy,
    batch_size: int = 512,
    precision: Precision = WHOLE,
    workers: int | None = None,
    opening: float = 0.0,
    seed: int = 0,
) -> Plan:
    """What `scan` would cost, from a few of its batches.

    Args:
        given: What it would be asked about.
        detectors: As for `scan`.
        layers: As for `scan`.
        loss: As for `scan`.
        batch_size: As for `scan`.
        precision: As for `scan`; what it changes is measured there, and not counted here.
        workers: Worker processes; None is this process with all its threads.
        opening: Seconds that it took to open what is given.
        seed: As for `scan`.

    Raises:
        InputError: As `scan`, for everything that it checks before it begins.
    """
    asked = chosen(detectors, has_incident=given.incident is not None)
    require_settings(batch_size, seed)
    started = time.perf_counter()
    settings = Settings(loss, tuple(layers), batch_size, precision)
    _, tracing, class_names = open_asked(given, settings)
    opened = Opened(tracing, given.train, given.queries, given.incident)
    able, _ = runnable(asked, opened)
    opening += time.perf_counter() - started
    return plan(
        opened,
        able,
        classes=len(class_names),
        opening=opening,
        workers=workers,
        seed=seed,
    )


def plan(
    opened: Opened,
    detectors: Sequence[Detector],
    *,
    classes: int,
    opening: float,
    workers: int | None = None,
    seed: int = 0,
) -> Plan:
    """Time a few batches of each kind at the last checkpoint, and the ranking of a few examples.

    Passes cost the same for every example, so their times are multiplied; ranking does not.

    Args:
        opened: What would be scanned.
        detectors: Those that can run.
        classes: How many classes.
        opening: Seconds that it took to open.
        workers: Worker processes; None is this one with all its threads.
        seed: For what is random.
    """
    work = ScanWork(lambda: opened, tuple(detectors))
    worker = Worker(opened, work.detectors, MemoryLedger())
    stages = []
    with torch_threads(None if workers is None else 1):
        for kind, units in work.stages(opened).items():
            stages.append(_timed(worker, kind, units))
    look = sum(stage.seconds / max(1, stage.examples) for stage in stages)
    ranking = ranking_seconds(worker, classes, seed, most=int(LOOK_S / look))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    # What is put together in the end: observations of one checkpoint, layers once and joined.
    results = {stage.kind: stage.kept for stage in stages}
    checkpoints = len(opened.tracing.run.checkpoints)
    joined = results["examples"] // checkpoints + 2 * results["layers"]
    return Plan(
        tuple(stages),
        opening,
        ranking,
        peak + joined,
        workers,
    )


def _timed(worker: Worker, kind: Kind, units: Sequence[Unit]) -> Stage:
    """A few batches of a kind, and what all its units come to."""
    if not units:
        return Stage(kind, 0, 0, 0.0, 0)
    last = units[-1].checkpoint
    first = next(unit for unit in units if unit.checkpoint == last)
    batch = worker.opened.tracing.batch_size
    stop = max(unit.rows.stop for unit in units if unit.side == first.side)
    rows = range(min(stop, TIMED * batch))
    worker.perform(Unit(kind, first.side, last, rows[:batch]))
    started = time.perf_counter()
    result = worker.perform(Unit(kind, first.side, last, rows))
    seconds = time.perf_counter() - started
    if kind == "queries":
        # As if these were all queries: the passes over examples take as long.
        worker.asked = worker.visit(last).sums([result])
    examples = sum(len(unit.rows) for unit in units)
    each = sum(array.nbytes for name, array in result.arrays.items() if is_by_row(name))
    rest = sum(a.nbytes for a in result.arrays.values()) - each
    kept = each * examples // len(rows) + rest * len(units)
    return Stage(kind, len(units), examples, seconds * examples / len(rows), kept)
