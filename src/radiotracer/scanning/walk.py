"""Every detector from one walk over the checkpoints, sharing the passes that they read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.detectors import Detector, Need, Seen, Survey, Trace
from radiotracer.scale import Ledger, MemoryLedger, finish, result_of
from radiotracer.scanning.execution import HERE, Execution, opener
from radiotracer.scanning.inputs import ScanInputs, Side
from radiotracer.scanning.passes import seen_of
from radiotracer.scanning.ranked import Progress, Rankings, rank_each
from radiotracer.scanning.survey import wrong
from radiotracer.scanning.units import Kind, ScanWork, Unit

COMPARED = frozenset({Need.COMPARISON, Need.SAME_LOOK})
"""What detectors need that are shown validation examples beside the training examples."""

STAGES: dict[Kind, str] = {
    "validation": "validation examples at every checkpoint",
    "examples": "examples at every checkpoint",
    "layers": "layers of the last checkpoint",
}
"""What progress calls them."""


def rank_by_all(
    inputs: ScanInputs,
    detectors: Sequence[Detector],
    *,
    classes: int,
    seed: int = 0,
    execution: Execution = HERE,
    progress: Progress = lambda *_: None,
) -> Rankings:
    """Rank the training examples by every detector.

    Per checkpoint: one forward pass over the validation examples (with a backward pass if a
    detector needs their direction), and one pass over the training examples: forward, a
    Jacobian-vector product if a detector needs it, or forward and backward if one needs norms.

    Args:
        inputs: What to rank, along which run.
        detectors: What to rank by; all of them can run (see `needs.runnable`).
        classes: How many classes; 0 where there are none.
        seed: For what is random.
        execution: Who does it, and where finished units are kept.
        progress: Told how far it is.

    Raises:
        InputError: The incident is predicted as labelled.
        NotFiniteError: A loss, or in the end a score, is NaN or infinite.
    """
    work = ScanWork(opener(execution, inputs), tuple(detectors))
    ledger = execution.ledger or MemoryLedger()
    stages = work.stages(inputs)
    told = _Told(stages, progress)
    finish(
        work,
        [[unit.name for unit in units] for units in stages.values()],
        ledger,
        execution.runner,
        begun=told.begun,
        tell=told.finished,
        note=execution.note,
    )
    checkpoints = len(inputs.run.checkpoints)
    return _ranked(work, stages, ledger, checkpoints=checkpoints, classes=classes, seed=seed)


class _Told:
    """Progress of one stage after the other; the next shows when the one before it is done."""

    def __init__(self, stages: Mapping[Kind, Sequence[Unit]], progress: Progress) -> None:
        self.units = {unit.name: unit for units in stages.values() for unit in units}
        self.total = {kind: sum(len(unit.rows) for unit in units) for kind, units in stages.items()}
        self.done = dict(self.total)
        self.progress = progress

    def begun(self, missing: list[list[str]]) -> None:
        for unit in (self.units[name] for stage in missing for name in stage):
            self.done[unit.kind] -= len(unit.rows)
        for kind in self.total:
            self._show(kind)
            if self.done[kind] < self.total[kind]:
                return

    def finished(self, name: str) -> None:
        kind = self.units[name].kind
        self.done[kind] += len(self.units[name].rows)
        self._show(kind)
        kinds = list(self.total)
        while self.done[kind] == self.total[kind] and kind != kinds[-1]:
            kind = kinds[kinds.index(kind) + 1]
            self._show(kind)

    def _show(self, kind: Kind) -> None:
        if self.total[kind]:
            self.progress(STAGES[kind], self.done[kind], self.total[kind])


def _ranked(
    work: ScanWork,
    stages: Mapping[Kind, Sequence[Unit]],
    ledger: Ledger,
    *,
    checkpoints: int,
    classes: int,
    seed: int,
) -> Rankings:
    """Rank by every detector from what the units found."""
    seconds: dict[str, float] = defaultdict(float)
    train = _summed(stages["examples"], "train", ledger, seconds)
    # What validation examples show where they are asked about, and where they are compared.
    asked = {
        **_summed(stages["examples"], "validation", ledger, seconds),
        **_summed(stages["validation"], "validation", ledger, seconds),
    }
    survey = _survey(stages["layers"], ledger, seconds, classes=classes)
    by_name = rank_each(
        work.detectors,
        lambda detector: Trace(
            train=train[detector.name],
            labels=train["labels"],
            validation=asked.get(detector.name) if detector.needs & COMPARED else None,
            validation_labels=asked.get("labels"),
            classes=classes,
            checkpoints=checkpoints,
            seed=seed,
            survey=survey,
        ),
        seconds,
    )
    units = tuple(unit.name for each in stages.values() for unit in each)
    return Rankings(by_name, dict(seconds), units)


def _summed(
    units: Sequence[Unit], side: Side, ledger: Ledger, seconds: dict[str, float]
) -> dict[str, NDArray[Any]]:
    """Observations by detector name, summed over the checkpoints in their order; the labels."""
    found: dict[str, NDArray[Any]] = {}
    units = [unit for unit in units if unit.side == side]
    rows = max((unit.rows.stop for unit in units), default=0)
    for unit in units:
        result = _read(ledger, unit, seconds)
        place = slice(unit.rows.start, unit.rows.stop)
        seen = {name.removeprefix("seen/"): a for name, a in result.items() if _is_seen(name)}
        for name, values in {**seen, "labels": result["labels"]}.items():
            if name not in found:
                found[name] = np.zeros((rows, *values.shape[1:]), dtype=values.dtype)
            # The labels are the same at every checkpoint.
            found[name][place] = values + (found[name][place] if name in seen else 0)
    return found


def _is_seen(name: str) -> bool:
    return name.startswith("seen/")


def _survey(
    units: Sequence[Unit], ledger: Ledger, seconds: dict[str, float], *, classes: int
) -> Survey | None:
    """All examples at the last checkpoint; of the incident those that are predicted wrongly."""
    sides: dict[Side, list[Mapping[str, NDArray[Any]]]] = defaultdict(list)
    for unit in units:
        sides[unit.side].append(_read(ledger, unit, seconds))
    if not sides:
        return None
    seen = {side: _joined(parts) for side, parts in sides.items()}
    incident = seen.get("incident") if classes else None
    return Survey(
        seen["train"], seen.get("validation"), None if incident is None else wrong(incident)
    )


def _joined(parts: Sequence[Mapping[str, NDArray[Any]]]) -> Seen:
    return seen_of({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _read(ledger: Ledger, unit: Unit, seconds: dict[str, float]) -> Mapping[str, NDArray[Any]]:
    result = result_of(ledger, unit.name)
    spent = result.facts.get("seconds")
    for name, value in (spent if isinstance(spent, dict) else {}).items():
        seconds[name] += float(value) if isinstance(value, int | float) else 0.0
    return result.arrays
