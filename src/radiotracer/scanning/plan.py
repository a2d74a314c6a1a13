"""What a scan will cost, told before it is paid: a few batches are timed and extrapolated."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from radiotracer.detectors import Detector
from radiotracer.scale import MemoryLedger, torch_threads
from radiotracer.scanning.inputs import ScanInputs, has_classes
from radiotracer.scanning.needs import lacking, runnable
from radiotracer.scanning.ranking_cost import is_by_row, ranking_seconds
from radiotracer.scanning.units import Kind, ScanWork, Unit, Worker
from radiotracer.scanning.validate import checked, chosen, require_settings

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
    inputs: ScanInputs,
    *,
    detectors: Sequence[str | Detector] = (),
    workers: int | None = None,
    opening: float = 0.0,
    seed: int = 0,
) -> Plan:
    """What `scan` would cost, from a few of its batches.

    Args:
        inputs: What it would be asked about, and how it would look. What mixed precision changes
            is measured by a scan, and not counted here.
        detectors: As for `scan`.
        workers: Worker processes; None is this process with all its threads.
        opening: Seconds that it took to open what is given.
        seed: As for `scan`.

    Raises:
        InputError: As `scan`, for everything that it checks before it begins.
    """
    classes = has_classes(inputs.run)
    asked = chosen(detectors, has_incident=inputs.incident is not None, classes=classes)
    require_settings(inputs.batch_size, seed)
    started = time.perf_counter()
    _, class_names = checked(inputs)
    able, _ = runnable(asked, lacking(inputs, asked, classes=classes))
    opening += time.perf_counter() - started
    return plan(inputs, able, classes=len(class_names), opening=opening, workers=workers, seed=seed)


def plan(
    inputs: ScanInputs,
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
        inputs: What would be scanned.
        detectors: Those that can run.
        classes: How many classes.
        opening: Seconds that it took to open.
        workers: Worker processes; None is this one with all its threads.
        seed: For what is random.
    """
    work = ScanWork(lambda: inputs, tuple(detectors))
    worker = Worker(inputs, work.detectors, MemoryLedger())
    stages = []
    with torch_threads(None if workers is None else 1):
        for kind, units in work.stages(inputs).items():
            stages.append(_timed(worker, kind, units))
    look = sum(stage.seconds / max(1, stage.examples) for stage in stages)
    ranking = ranking_seconds(worker, classes, seed, most=int(LOOK_S / look))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    # What is put together in the end: observations of one checkpoint, layers once and joined.
    results = {stage.kind: stage.kept for stage in stages}
    checkpoints = len(inputs.run.checkpoints)
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
    batch = worker.inputs.batch_size
    stop = max(unit.rows.stop for unit in units if unit.side == first.side)
    rows = range(min(stop, TIMED * batch))
    worker.perform(Unit(kind, first.side, last, rows[:batch]))
    started = time.perf_counter()
    result = worker.perform(Unit(kind, first.side, last, rows))
    seconds = time.perf_counter() - started
    if kind == "validation":
        # As if these were all of them: the passes over examples take as long.
        own = [unit for unit in units if unit.side != first.side and unit.checkpoint == last]
        worker.asked = worker.visit(last).sums([result, *map(worker.perform, own)])
    examples = sum(len(unit.rows) for unit in units)
    each = sum(array.nbytes for name, array in result.arrays.items() if is_by_row(name))
    rest = sum(a.nbytes for a in result.arrays.values()) - each
    kept = each * examples // len(rows) + rest * len(units)
    return Stage(kind, len(units), examples, seconds * examples / len(rows), kept)
