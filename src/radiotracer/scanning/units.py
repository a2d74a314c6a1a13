"""A scan in units: a stretch of examples at a checkpoint, done by anybody in any order.

Three kinds, done one after the other: ``queries`` leave their sums of gradients, ``examples`` are
held against these, ``layers`` show all examples at the last checkpoint. What a unit finds depends
neither on the other units of its kind nor on who does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from radiotracer.detectors import Detector, Need
from radiotracer.gradients import Data, Fitting, count, require_some
from radiotracer.influence import Tracing
from radiotracer.scale import Ledger, Result, result_of
from radiotracer.scanning.passes import Passes, QuerySums, needs_of

Kind = Literal["queries", "examples", "layers"]
Side = Literal["train", "queries", "incident"]

BATCHES: dict[Kind, int] = {"queries": 16, "examples": 4, "layers": 4}
"""Batches in a unit: whole ones, so that each has the same neighbours however work is split. Those
of queries are larger: each keeps sums of gradients, as many numbers as the network has."""


@dataclass(frozen=True)
class Opened:
    """What a worker looks at.

    Args:
        tracing: The run and a private copy of its network.
        train: The training examples.
        queries: Trusted examples, or None.
        incident: Examples that are known to be predicted wrongly, or None.
    """

    tracing: Tracing
    train: Data
    queries: Data | None
    incident: Data | None = None

    def side(self, side: Side) -> Data | None:
        """The examples of a side."""
        return {"train": self.train, "queries": self.queries, "incident": self.incident}[side]


@dataclass(frozen=True)
class Unit:
    """A stretch of one side's examples at a checkpoint.

    Args:
        kind: Which pass.
        side: Whose examples.
        checkpoint: Its number from 0.
        rows: Which of the examples.
    """

    kind: Kind
    side: Side
    checkpoint: int
    rows: range

    @property
    def name(self) -> str:
        """Unique among the units of a scan."""
        return f"{self.kind}-{self.side}-c{self.checkpoint:04d}-r{self.rows.start:09d}"


def units_of(
    kind: Kind, side: Side, data: Data | None, checkpoints: range, batch_size: int
) -> Iterator[Unit]:
    """The units of one kind, checkpoint by checkpoint; none where there are no data."""
    if data is None:
        return
    require_some(data)
    size = BATCHES[kind] * batch_size
    n = count(data)
    for checkpoint in checkpoints:
        for start in range(0, n, size):
            yield Unit(kind, side, checkpoint, range(start, min(start + size, n)))


@dataclass(frozen=True)
class ScanWork:
    """What workers are told.

    Args:
        open: Opens what they look at.
        detectors: Whose observations are wanted.
    """

    open: Callable[[], Opened]
    detectors: tuple[Detector, ...]

    def begin(self, ledger: Ledger) -> Callable[[str], Result]:
        """Open, once in each process."""
        return Worker(self.open(), self.detectors, ledger).do

    def stages(self, opened: Opened) -> dict[Kind, list[Unit]]:
        """All units by kind, in the order in which the kinds must be done."""
        needs = needs_of(self.detectors)
        size = opened.tracing.batch_size
        every = range(len(opened.tracing.run.checkpoints))
        asked = opened.queries if needs & {Need.QUERIES, Need.COMPARISON} else None
        sides: tuple[Side, ...] = ("train", "queries", "incident") if Need.LAYERS in needs else ()
        return {
            "queries": list(units_of("queries", "queries", asked, every, size)),
            "examples": list(units_of("examples", "train", opened.train, every, size)),
            "layers": [
                unit
                for side in sides
                for unit in units_of("layers", side, opened.side(side), every[-1:], size)
            ],
        }


class Worker:
    """Does units one after the other, and keeps the checkpoint that the last one looked at.

    It remembers how many examples fit into memory, too.

    Args:
        opened: What it looks at.
        detectors: Whose observations are wanted.
        ledger: Where it finds what the queries of a checkpoint left.
    """

    def __init__(self, opened: Opened, detectors: tuple[Detector, ...], ledger: Ledger) -> None:
        self.opened = opened
        self.ledger = ledger
        self.detectors = detectors
        self.stages = ScanWork(lambda: opened, detectors).stages(opened)
        self.by_name = {unit.name: unit for units in self.stages.values() for unit in units}
        self.visited: int | None = None
        self.asked: QuerySums | None = None
        self.fitting = Fitting()

    def do(self, name: str) -> Result:
        """The unit of this name."""
        return self.perform(self.by_name[name])

    def perform(self, unit: Unit) -> Result:
        """One unit, or any other stretch of examples."""
        data = self.opened.side(unit.side)
        assert data is not None  # noqa: S101 - else there would be no such unit
        passes = self.visit(unit.checkpoint)
        if unit.kind == "queries":
            return passes.queries(data, unit.rows)
        if unit.kind == "layers":
            return passes.layers(data, unit.rows)
        if self.asked is None:
            parts = (each for each in self.stages["queries"] if each.checkpoint == unit.checkpoint)
            self.asked = passes.sums(result_of(self.ledger, each.name) for each in parts)
        return passes.examples(data, unit.rows, self.asked)

    def visit(self, number: int) -> Passes:
        """Passes at this checkpoint, which is loaded unless it is."""
        tracing = self.opened.tracing
        if number != self.visited:
            tracing.load(number)
            self.visited, self.asked = number, None
        checkpoint = tracing.run.checkpoints[number]
        return Passes(
            tracing.objective,
            self.detectors,
            tracing.batch_size,
            tracing.run.learning_rates(checkpoint),
            checkpoint.file,
            self.fitting,
        )
