"""A scan in units: a stretch of examples at a checkpoint, done by anybody in any order.

Three kinds, done one after the other: ``validation``, and those of an incident, leave their sums of
gradients, ``examples`` are held against these, ``layers`` show all examples at the last checkpoint.
What a unit finds depends neither on the other units of its kind nor on who does it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from radiotracer.detectors import Detector, Need
from radiotracer.gradients import Data, Fitting, count, require_some
from radiotracer.scale import Ledger, Result, result_of
from radiotracer.scanning.inputs import ScanInputs, Side
from radiotracer.scanning.passes import Passes, ValidationSums, needs_of

Kind = Literal["validation", "examples", "layers"]

BATCHES: dict[Kind, int] = {"validation": 16, "examples": 4, "layers": 4}
"""Batches in a unit: whole ones, so that each has the same neighbours however work is split. Those
of validation examples are larger: each keeps sums of gradients, as large as the network."""


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

    open: Callable[[], ScanInputs]
    detectors: tuple[Detector, ...]

    def begin(self, ledger: Ledger) -> Callable[[str], Result]:
        """Open, once in each process."""
        return Worker(self.open(), self.detectors, ledger).do

    def stages(self, inputs: ScanInputs) -> dict[Kind, list[Unit]]:
        """All units by kind, in the order in which the kinds must be done."""
        needs = needs_of(self.detectors)
        size = inputs.batch_size
        every = range(len(inputs.run.checkpoints))
        asked = inputs.validation if needs & {Need.VALIDATION, Need.COMPARISON} else None
        sides: tuple[Side, ...] = (
            ("train", "validation", "incident") if Need.LAYERS in needs else ()
        )
        incident = inputs.incident if Need.OUTPUT in needs else None
        compared = inputs.validation if Need.SAME_LOOK in needs else None
        return {
            "validation": [
                *units_of("validation", "validation", asked, every, size),
                *units_of("validation", "incident", incident, every, size),
            ],
            "examples": [
                *units_of("examples", "train", inputs.train, every, size),
                *units_of("examples", "validation", compared, every, size),
            ],
            "layers": [
                unit
                for side in sides
                for unit in units_of("layers", side, inputs.sides.get(side), every[-1:], size)
            ],
        }


class Worker:
    """Does units one after the other, and keeps the checkpoint that the last one looked at.

    It remembers how many examples fit into memory, too.

    Args:
        inputs: What it looks at.
        detectors: Whose observations are wanted.
        ledger: Where it finds what validation examples left at a checkpoint.
    """

    def __init__(self, inputs: ScanInputs, detectors: tuple[Detector, ...], ledger: Ledger) -> None:
        self.inputs = inputs
        self.ledger = ledger
        self.detectors = detectors
        self.stages = ScanWork(lambda: inputs, detectors).stages(inputs)
        self.by_name = {unit.name: unit for units in self.stages.values() for unit in units}
        self.visited: int | None = None
        self.asked: ValidationSums | None = None
        self.fitting = Fitting()

    def do(self, name: str) -> Result:
        """The unit of this name."""
        return self.perform(self.by_name[name])

    def perform(self, unit: Unit) -> Result:
        """One unit, or any other stretch of examples."""
        data = self.inputs.sides[unit.side]
        passes = self.visit(unit.checkpoint)
        if unit.kind == "validation":
            look = passes.incident if unit.side == "incident" else passes.validation
            return look(data, unit.rows)
        if unit.kind == "layers":
            return passes.layers(data, unit.rows)
        if self.asked is None:
            parts = (
                each for each in self.stages["validation"] if each.checkpoint == unit.checkpoint
            )
            self.asked = passes.sums(result_of(self.ledger, each.name) for each in parts)
        return passes.examples(data, unit.rows, self.asked)

    def visit(self, number: int) -> Passes:
        """Passes at this checkpoint, which is loaded unless it is."""
        tracing = self.inputs.tracing
        if number != self.visited:
            tracing.load(number)
            self.visited, self.asked = number, None
        checkpoint = tracing.run.checkpoints[number]
        return Passes(
            tracing.objective,
            self.detectors,
            tracing.batch_size,
            tracing.run.summed_rates(checkpoint),
            checkpoint.file,
            number,
            len(tracing.run.checkpoints),
            self.fitting,
        )
