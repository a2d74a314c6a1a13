"""What a scan will cost, told before it is paid: a few batches are timed and extrapolated."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from radiotracer.data import identify
from radiotracer.detectors import DETECTORS, Detector, Need, Survey, Trace
from radiotracer.gradients import Data, LossFunction, count, cross_entropy
from radiotracer.scale import MemoryLedger, torch_threads
from radiotracer.scanning.asked import chosen, require_settings
from radiotracer.scanning.asked import opened as open_asked
from radiotracer.scanning.execution import Given, Settings
from radiotracer.scanning.given import take
from radiotracer.scanning.passes import needs_of, seen_of
from radiotracer.scanning.units import Kind, Opened, ScanWork, Unit, Worker
from radiotracer.scanning.walk import runnable

TIMED = 3
"""Batches that are timed, after one that is not: the first proves engines and warms caches."""

FEWEST, MOST = 512, 4096
"""Between these numbers of examples ranking is timed."""

ENOUGH_S = 2.0
"""A ranking that took so many seconds is not timed for more examples."""

Arrays = Mapping[str, NDArray[Any]]


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
    detectors: Sequence[str] = (),
    layers: Sequence[str] = (),
    loss: LossFunction = cross_entropy,
    batch_size: int = 512,
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
        workers: Worker processes; None is this process with all its threads.
        opening: Seconds that it took to open what is given.
        seed: As for `scan`.

    Raises:
        InputError: As `scan`, for everything that it checks before it begins.
    """
    names = chosen(detectors, told=given.incident is not None)
    require_settings(batch_size, seed)
    started = time.perf_counter()
    settings = Settings(loss, tuple(layers), batch_size)
    _, tracing, class_names = open_asked(given, settings)
    opened = Opened(tracing, given.train, given.queries, given.incident)
    able, _ = runnable([DETECTORS[name] for name in names], opened)
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

    Passes cost the same for every example, so their times are multiplied. Ranking compares
    examples with each other: its time is taken for a few numbers of examples, with queries in
    proportion, and a polynomial of the second degree without negative terms is fitted to it.

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
    train = count(opened.train)
    ranking = _ranking(worker, classes, seed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak *= 1 if sys.platform == "darwin" else 1024
    # What is put together in the end: observations of one checkpoint, layers once and joined.
    results = {stage.kind: stage.kept for stage in stages}
    checkpoints = len(opened.tracing.run.checkpoints)
    joined = results["examples"] // checkpoints + 2 * results["layers"]
    return Plan(
        tuple(stages),
        opening,
        _extrapolated(ranking, train),
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
    each = sum(array.nbytes for name, array in result.arrays.items() if _is_by_row(name))
    rest = sum(a.nbytes for a in result.arrays.values()) - each
    kept = each * examples // len(rows) + rest * len(units)
    return Stage(kind, len(units), examples, seconds * examples / len(rows), kept)


def _ranking(worker: Worker, classes: int, seed: int) -> list[tuple[int, float]]:
    """Seconds for a few numbers of examples, with as large a part of the queries."""
    opened, random = worker.opened, np.random.default_rng(seed)
    sides: dict[str, Data | None] = {"train": opened.train, "queries": opened.queries}
    sizes = {side: count(data) for side, data in sides.items() if data is not None}
    samples = {
        side: _sample(worker, data, is_train=side == "train", random=random)
        for side, data in sides.items()
        if data is not None
    }
    found: list[tuple[int, float]] = []
    size = min(FEWEST, sizes["train"])
    while True:
        rows = {
            # Two of every class at least: some detectors cannot do with less.
            side: range(min(n, max(2 * classes, n * size // sizes["train"])))
            for side, n in sizes.items()
        }
        started = time.perf_counter()
        for detector in worker.detectors:
            if Need.INCIDENT not in detector.needs:
                detector.rank(_trace(detector, samples, rows, classes, seed))
        found.append((size, time.perf_counter() - started))
        if found[-1][1] >= ENOUGH_S or size == min(MOST, sizes["train"]):
            return found
        size = min(2 * size, MOST, sizes["train"])


def _sample(worker: Worker, data: Data, *, is_train: bool, random: np.random.Generator) -> Arrays:
    """What some examples show at the last checkpoint; its first rows hold every class alike."""
    last = len(worker.opened.tracing.run.checkpoints) - 1
    labels = identify(data).labels
    order = random.permutation(len(labels))
    # The first of every class, then the second of every class, and so on.
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = np.arange(len(own))
    few = take(data, np.argsort(turn, kind="stable")[:MOST])
    rows = range(count(few))
    passes, asked = worker.visit(last), worker.asked
    assert asked is not None  # noqa: S101 - examples were timed before
    seen = passes.examples(few, rows, asked) if is_train else passes.queries(few, rows)
    layers = Need.LAYERS in needs_of(worker.detectors)
    return {**seen.arrays, **(passes.layers(few, rows).arrays if layers else {})}


def _trace(
    detector: Detector,
    samples: Mapping[str, Arrays],
    rows: Mapping[str, range],
    classes: int,
    seed: int,
) -> Trace:
    """What a detector would be given, had the scan these examples."""
    shown = {
        side: {
            name: array[rows[side].start : rows[side].stop]
            for name, array in sample.items()
            if _is_by_row(name)
        }
        for side, sample in samples.items()
    }
    surveyed = {side: seen_of(arrays) for side, arrays in shown.items() if "outputs" in arrays}
    asked, seen = shown.get("queries", {}), f"seen/{detector.name}"
    return Trace(
        train=shown["train"][seen],
        labels=shown["train"]["labels"],
        queries=asked.get(seen),
        query_labels=asked.get("labels"),
        classes=classes,
        checkpoints=1,
        seed=seed,
        survey=Survey(surveyed["train"], surveyed.get("queries")) if surveyed else None,
    )


def _is_by_row(name: str) -> bool:
    return name in ("labels", "outputs") or name.startswith(("seen/", "layer/"))


def _extrapolated(timed: Sequence[tuple[int, float]], n: int) -> float:
    """Seconds at n examples."""
    sizes, seconds = (np.array(each, dtype=np.float64) for each in zip(*timed, strict=True))
    if sizes[-1] == n:
        return float(seconds[-1])
    scaled = sizes / n
    # Each time is off by some share of itself: divided by it, all count alike.
    powers = np.stack([np.ones_like(scaled), scaled, scaled**2], axis=1)
    terms, _ = nnls(powers / seconds[:, None], np.ones_like(seconds))
    return float(terms.sum())
