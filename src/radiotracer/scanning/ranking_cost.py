"""What ranking will cost: timed for growing numbers of examples, and extrapolated."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from radiotracer.data import identify
from radiotracer.detectors import Detector, Need, Survey, Trace
from radiotracer.gradients import Data, count
from radiotracer.scanning.inputs import take
from radiotracer.scanning.passes import needs_of, seen_of
from radiotracer.scanning.units import Worker

FEWEST, MOST = 512, 16384
"""Between these numbers of examples ranking is timed."""

ENOUGH_S = 2.0
"""A ranking that took so many seconds is not timed for more examples."""

Arrays = Mapping[str, NDArray[Any]]


def ranking_seconds(worker: Worker, classes: int, seed: int, *, most: int) -> float:
    """Of the detectors' own arithmetic for all training and validation examples, in this process.

    Detectors compare examples with each other: their time is taken for a few numbers of examples,
    with validation examples in proportion, and a sum of powers up to 1.5 without negative terms is
    fitted to it. Comparisons of all pairs run the faster the more there are: up to the 60,000
    examples of `python -m bench planning` they grow by less than the square; beyond, this may be
    too little.

    Args:
        worker: That has looked at queries and examples at the last checkpoint.
        classes: How many classes.
        seed: Which examples are taken.
        most: At most so many examples are looked at, but never fewer than a few hundred.
    """
    timed = _timed(worker, classes, seed, most=min(MOST, max(FEWEST, most)))
    return _extrapolated(timed, count(worker.inputs.train))


def is_by_row(name: str) -> bool:
    """Whether an array of a unit has a row for each example."""
    return name in ("labels", "outputs") or name.startswith(("seen/", "layer/"))


def _timed(worker: Worker, classes: int, seed: int, *, most: int) -> list[tuple[int, float]]:
    """Seconds for a few numbers of examples, with as large a part of the validation examples."""
    inputs, random = worker.inputs, np.random.default_rng(seed)
    sides: dict[str, Data | None] = {"train": inputs.train, "validation": inputs.validation}
    sizes = {side: count(data) for side, data in sides.items() if data is not None}
    samples = {
        side: _sample(worker, data, most, is_train=side == "train", random=random)
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
        if found[-1][1] >= ENOUGH_S or size == min(most, sizes["train"]):
            return found
        size = min(2 * size, most, sizes["train"])


def _sample(
    worker: Worker, data: Data, most: int, *, is_train: bool, random: np.random.Generator
) -> Arrays:
    """What some examples show at the last checkpoint; its first rows hold every class alike."""
    last = len(worker.inputs.run.checkpoints) - 1
    labels = identify(data).labels
    order = random.permutation(len(labels))
    # The first of every class, then the second of every class, and so on.
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        turn[own] = np.arange(len(own))
    few = take(data, np.argsort(turn, kind="stable")[:most])
    rows = range(count(few))
    passes, asked = worker.visit(last), worker.asked
    assert asked is not None  # noqa: S101 - examples were timed before
    seen = passes.examples(few, rows, asked) if is_train else passes.validation(few, rows)
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
            if is_by_row(name)
        }
        for side, sample in samples.items()
    }
    surveyed = {side: seen_of(arrays) for side, arrays in shown.items() if "outputs" in arrays}
    asked, seen = shown.get("validation", {}), f"seen/{detector.name}"
    return Trace(
        train=shown["train"][seen],
        labels=shown["train"]["labels"],
        validation=asked.get(seen),
        validation_labels=asked.get("labels"),
        classes=classes,
        checkpoints=1,
        seed=seed,
        survey=Survey(surveyed["train"], surveyed.get("validation")) if surveyed else None,
    )


def _extrapolated(timed: Sequence[tuple[int, float]], n: int) -> float:
    """Seconds at n examples."""
    sizes, seconds = (np.array(each, dtype=np.float64) for each in zip(*timed, strict=True))
    if sizes[-1] == n:
        return float(seconds[-1])
    scaled = sizes / n
    # Each time is off by some share of itself: divided by it, all count alike.
    powers = np.stack([np.ones_like(scaled), scaled, scaled**1.5], axis=1)
    terms, _ = nnls(powers / seconds[:, None], np.ones_like(seconds))
    return float(terms.sum())
