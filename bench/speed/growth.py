"""How the time and memory of our own tracers grow with the examples, queries and parameters."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.speed.case import CaseSpec, open_case
from bench.speed.config import SpeedConfig
from bench.speed.method import Budget, Formula, Method
from bench.speed.own import own_method
from bench.speed.result import Growth, GrowthPoint

Peak = Callable[[Formula, Method, CaseSpec], int | None]
"""Measures the peak memory of a method on a case."""


def grow(
    name: str,
    config: SpeedConfig,
    folder: Path,
    *,
    peak: Peak,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Iterator[Growth]:
    """Measure one growth job: Algorithm 1, and self-influence where it depends on the size.

    Rounds go through all sizes, smallest first, so that slow drifts fall on all of them.

    Args:
        name: ``growth-train``, ``growth-queries`` or ``growth-parameters``.
        config: Sizes and rounds.
        folder: Where trainings are kept.
        peak: Measures memory.
        progress: Told how many of how many runs are done.
    """
    variable, specs = _specs(name, config)
    formulas: tuple[Formula, ...] = ("sum", "self-influence")
    if name == "growth-queries":
        formulas = ("sum",)
    # The first round warms up and is not counted.
    steps = len(formulas) * len(specs) * (config.rounds + 1)
    done = itertools.count(1)
    budget = Budget(config.gradient_memory)
    cases = [open_case(spec, folder) for spec in specs]
    sizes = {
        "training examples": [spec.train for spec in specs],
        "queries": [spec.queries for spec in specs],
        "parameters": [case.parameters for case in cases],
    }[variable]
    for formula in formulas:
        method = own_method(formula)
        seconds: list[list[float]] = [[] for _ in specs]
        for attempt in range(config.rounds + 1):
            for row, case in enumerate(cases):
                started = time.perf_counter()
                method.scores(case if attempt else case.part(2, 2), budget)
                if attempt:
                    seconds[row].append(time.perf_counter() - started)
                progress(next(done), steps)
        exponent, interval = fit_exponent(sizes, seconds)
        points = [
            GrowthPoint(size, tuple(taken), peak(formula, method, spec))
            for size, taken, spec in zip(sizes, seconds, specs, strict=True)
        ]
        yield Growth(
            name=name,
            formula=formula,
            variable=variable,
            fixed=_fixed(variable, formula, specs[0]),
            points=tuple(points),
            exponent=exponent,
            interval=interval,
        )


def fit_exponent(
    sizes: Sequence[int], seconds: Sequence[Sequence[float]]
) -> tuple[float, tuple[float, float]]:
    """Slope of log seconds on log size over every run, with its 95 % confidence interval."""
    x = [math.log(size) for size, taken in zip(sizes, seconds, strict=True) for _ in taken]
    y = [math.log(value) for taken in seconds for value in taken]
    n = len(x)
    centre, level = sum(x) / n, sum(y) / n
    spread = sum((each - centre) ** 2 for each in x)
    slope = sum((a - centre) * (b - level) for a, b in zip(x, y, strict=True)) / spread
    if n < 3:
        return slope, (-math.inf, math.inf)
    residuals = [b - level - slope * (a - centre) for a, b in zip(x, y, strict=True)]
    error = math.sqrt(sum(each**2 for each in residuals) / (n - 2) / spread)
    half = _student(n - 2) * error
    return slope, (slope - half, slope + half)


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t, by its expansion around the normal's (within 1 % from 4)."""
    z = 1.959964
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _specs(name: str, config: SpeedConfig) -> tuple[str, list[CaseSpec]]:
    base = CaseSpec(
        network="resnet18",
        width=config.growth_width,
        checkpoints=config.growth_checkpoints,
        trained=min(512, config.trained),
        train=config.growth_train[0],
        queries=config.growth_queries[0],
    )
    if name == "growth-train":
        sizes = config.growth_train
        return "training examples", [dataclasses.replace(base, train=size) for size in sizes]
    if name == "growth-queries":
        sizes = config.growth_queries
        return "queries", [dataclasses.replace(base, queries=size) for size in sizes]
    widths = config.growth_widths
    return "parameters", [dataclasses.replace(base, width=width) for width in widths]


def _fixed(variable: str, formula: Formula, spec: CaseSpec) -> str:
    held = {"training examples": f"{spec.train:,} training examples"}
    if formula == "sum":
        held["queries"] = f"{spec.queries:,} queries"
    held["parameters"] = f"width {spec.width}"
    held.pop(variable, None)
    return ", ".join([*held.values(), f"checkpoints {spec.checkpoints}"])
