"""What mixed precision does to what detectors read, measured on a sample at the last checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from radiotracer.detectors import Detector, Need
from radiotracer.errors import InputError
from radiotracer.gradients import WHOLE, Data, Precision, count
from radiotracer.scale import MemoryLedger
from radiotracer.scanning.inputs import ScanInputs, take
from radiotracer.scanning.units import Worker

SAMPLE = 256
"""Training examples, and validation ones, at most."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Rounding:
    """How far what a detector reads is from the same in the precision of the weights.

    That is what it adds up over the checkpoints (for most its score) and, where it compares layers,
    what these show. Errors are relative to the root mean square of the array that they are in.

    Args:
        examples: Training examples in the sample.
        largest: The largest error.
        median: The median of the errors.
        spearman: Rank correlation of each column with its exact one, the median over the columns;
            None where all are constant.
    """

    examples: int
    largest: float
    median: float
    spearman: float | None


def rounding_of(
    inputs: ScanInputs, detectors: Sequence[Detector], *, seed: int = 0, sample: int = SAMPLE
) -> dict[str, Rounding]:
    """Measure it; nothing where there is no mixed precision.

    Args:
        inputs: What is scanned.
        detectors: Those that can run.
        seed: Which examples are in the sample.
        sample: How many training training and validation examples at most.

    Returns:
        By detector name; without those that read no numbers here.

    Raises:
        InputError: A detector's passes fail in this precision.
    """
    tracing = inputs.tracing
    if tracing.objective.precision == WHOLE:
        return {}
    some = dataclasses.replace(
        inputs,
        train=_drawn(inputs.train, sample, seed),
        validation=None if inputs.validation is None else _drawn(inputs.validation, sample, seed),
    )
    whole = dataclasses.replace(tracing, objective=tracing.objective.exact)
    exact = _shown(dataclasses.replace(some, opened=whole), detectors)
    try:
        found = _shown(some, detectors)
    except (InputError, RuntimeError) as error:
        raise _unable(some, detectors, error) from error
    read = {each.name: _read_by(each, exact) for each in detectors}
    return {name: _compared(found, exact, names) for name, names in read.items() if names}


def _unable(inputs: ScanInputs, detectors: Sequence[Detector], error: Exception) -> InputError:
    """Which detectors this precision fails, after it failed all together."""
    failing = []
    for each in detectors:
        try:
            _shown(inputs, [each])
        except (InputError, RuntimeError):
            failing.append(each.name)
    return InputError(
        expected=f"detectors that can do with {inputs.tracing.objective.precision}",
        came=f"{', '.join(failing)}, which fail: {str(error).splitlines()[0]}",
        do=f"pass precision={WHOLE!r}, or leave them out",
    )


def notes_of(rounding: Mapping[str, Rounding], precision: Precision) -> tuple[str, ...]:
    """One line for each detector; none where nothing was measured."""
    return tuple(
        f"{name} in {precision}: relative errors of at most {each.largest:.2g}, median "
        f"{each.median:.2g}, rank correlation {_number(each.spearman)} ({each.examples:,} examples "
        "at the last checkpoint)."
        for name, each in rounding.items()
    )


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _drawn(data: Data, size: int, seed: int) -> Data:
    n = count(data)
    rows = np.random.default_rng(seed).choice(n, min(size, n), replace=False)
    return take(data, np.sort(rows))


def _shown(inputs: ScanInputs, detectors: Sequence[Detector]) -> Arrays:
    """What the passes of a scan show of the training examples at the last checkpoint."""
    last = len(inputs.run.checkpoints) - 1
    passes = Worker(inputs, tuple(detectors), MemoryLedger()).visit(last)
    train, validation = inputs.train, inputs.validation
    parts = [] if validation is None else [passes.validation(validation, range(count(validation)))]
    if inputs.incident is not None and Need.OUTPUT in passes.needs:
        parts.append(passes.incident(inputs.incident, range(count(inputs.incident))))
    rows = range(count(train))
    seen = passes.examples(train, rows, passes.sums(parts)).arrays
    layers = Need.LAYERS in passes.needs
    return {**seen, **(passes.layers(train, rows).arrays if layers else {})}


def _read_by(detector: Detector, arrays: Arrays) -> list[str]:
    """The arrays that a detector reads, without those that hold nothing but zeros."""
    own, layers = f"seen/{detector.name}", Need.LAYERS in detector.needs
    read = [name for name in arrays if name == own or (layers and name.startswith("layer/"))]
    return [name for name in read if arrays[name].any()]


def _compared(found: Arrays, exact: Arrays, names: Sequence[str]) -> Rounding:
    errors, orders = [], []
    for name in names:
        wanted = exact[name].astype(np.float64)
        size = np.sqrt(np.mean(wanted**2))
        errors.append((np.abs(found[name] - wanted) / size).ravel())
        orders += [_spearman(*pair) for pair in zip(found[name].T, wanted.T, strict=True)]
    every, known = np.concatenate(errors), [each for each in orders if each is not None]
    return Rounding(
        len(found[names[0]]),
        float(every.max()),
        float(np.median(every)),
        float(np.median(known)) if known else None,
    )


def _spearman(left: NDArray[Any], right: NDArray[Any]) -> float | None:
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        return None
    return float(spearmanr(left, right).statistic)
