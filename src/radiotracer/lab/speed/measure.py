"""Methods of one job side by side: paired runs, and the largest difference of their scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from radiotracer.lab.speed.case import Case
from radiotracer.lab.speed.method import Budget, Method
from radiotracer.lab.speed.result import Quartiles, Row

Peak = Callable[[Method, Case], int | None]
"""Measures the peak memory of a method on a case."""


def compare(
    methods: Sequence[Method],
    case: Case,
    budget: Budget,
    *,
    part: tuple[int, int],
    rounds: int,
    peak: Peak,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[Row, ...]:
    """Measure `methods`, the first being ours and the second the unit of time.

    Each round runs every method once, so that whatever else the machine does falls on all of them;
    ratios are taken within a round.

    Args:
        methods: What to measure.
        case: The whole job.
        budget: Memory for the peers' gradients.
        part: Training examples and queries that slow methods are measured on.
        rounds: Paired runs.
        peak: Measures memory.
        progress: Told how many of how many runs are done.
    """
    small = case.part(*part)
    cases = {method.name: small if method.gradients else case for method in methods}
    scales = {method.name: scale(method, case, small, budget) for method in methods}
    runs = rounds * len(methods)
    seconds: dict[str, list[float]] = {method.name: [] for method in methods}
    found: dict[str, Tensor | None] = {}
    for _ in range(rounds):
        for method in methods:
            started = time.perf_counter()
            found[method.name] = method.scores(cases[method.name], budget)
            taken = time.perf_counter() - started
            seconds[method.name].append(scales[method.name] * taken)
            progress(sum(map(len, seconds.values())), runs)
    ours, unit = methods[0], methods[1]
    whole = found[ours.name]
    of_part = ours.scores(small, budget)
    rows = []
    for method in methods:
        scores = found[method.name]
        reference = of_part if method.gradients else whole
        rows.append(
            Row(
                method=method.name,
                library=method.library,
                seconds=Quartiles.of(seconds[method.name]),
                times_ours=_ratio(seconds, method, ours),
                units=_ratio(seconds, method, unit).median,
                measured=(len(cases[method.name].train[0]), len(cases[method.name].queries[0])),
                scale=scales[method.name],
                memory=peak(method, cases[method.name]),
                difference=None if scores is None else difference(scores, reference),
                note=method.note,
            )
        )
    return tuple(rows)


def scale(method: Method, case: Case, part: Case, budget: Budget) -> float:
    """What the seconds on a part are multiplied by: per-example gradients of the whole over its.

    A peer's time for anything but gradients is left out, which is to its advantage.
    """
    if method.gradients is None:
        return 1.0
    return method.gradients(case, budget) / method.gradients(part, budget)


def difference(scores: Tensor, reference: Tensor | None) -> float:
    """The largest difference, over the largest score of the reference."""
    assert reference is not None and scores.shape == reference.shape  # noqa: S101
    largest = float(reference.abs().max())
    return float((scores - reference).abs().max()) / (largest or torch.finfo(torch.float64).tiny)


def _ratio(seconds: Mapping[str, Sequence[float]], method: Method, other: Method) -> Quartiles:
    pairs = zip(seconds[method.name], seconds[other.name], strict=True)
    return Quartiles.of([mine / theirs for mine, theirs in pairs])
