"""Methods of one job side by side: paired runs, and the largest difference of their scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from bench.speed.case import Case
from bench.speed.method import Budget, Method
from bench.speed.result import Quartiles, Row

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
    cases = {method.name: _measured(method, case, part) for method in methods}
    scales = {method.name: scale(method, case, cases[method.name], budget) for method in methods}
    runs = sum(1 if method.share > 1 else rounds for method in methods)
    seconds: dict[str, list[float]] = {method.name: [] for method in methods}
    found: dict[str, Tensor | None] = {}
    for round_ in range(rounds):
        for method in methods:
            if round_ and method.share > 1:
                continue
            started = time.perf_counter()
            found[method.name] = method.scores(cases[method.name], budget)
            taken = time.perf_counter() - started
            seconds[method.name].append(scales[method.name] * taken)
            progress(sum(map(len, seconds.values())), runs)
    ours, unit = methods[0], methods[1]
    references = {id(case): found[ours.name]}
    rows = []
    for method in methods:
        scores, measured = found[method.name], cases[method.name]
        if id(measured) not in references:
            references[id(measured)] = ours.scores(measured, budget)
        reference = references[id(measured)]
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


def _measured(method: Method, case: Case, part: tuple[int, int]) -> Case:
    """What the method is measured on."""
    if method.gradients is None:
        return case
    return case.part(*(max(1, size // method.share) for size in part))


def scale(method: Method, case: Case, part: Case, budget: Budget) -> float:
    """What the seconds on a part are multiplied by: per-example gradients of the whole over its.

    A peer's time for anything but gradients is left out, which is to its advantage.
    """
    if method.gradients is None:
        return 1.0
    return method.gradients(case, budget) / method.gradients(part, budget)


def difference(scores: Tensor, reference: Tensor | None) -> float:
    """The largest difference, over the largest score of the reference."""
    assert reference is not None and scores.shape == reference.shape
    largest = float(reference.abs().max())
    return float((scores - reference).abs().max()) / (largest or torch.finfo(torch.float64).tiny)


def _ratio(seconds: Mapping[str, Sequence[float]], method: Method, other: Method) -> Quartiles:
    # A very slow method has no second round.
    pairs = zip(seconds[method.name], seconds[other.name], strict=False)
    return Quartiles.of([mine / theirs for mine, theirs in pairs])
