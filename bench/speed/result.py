"""What a comparison found, ready for JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Quartiles:
    """The middle of repeated measurements, and how far they spread."""

    low: float
    median: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Quartiles:
        """Quartiles of one or more values; of two, the values themselves."""
        if len(values) < 3:
            return Quartiles(min(values), statistics.median(values), max(values))
        return Quartiles(*statistics.quantiles(values, n=4, method="inclusive"))


@dataclass(frozen=True)
class Row:
    """One method of a job.

    Args:
        method: Its name.
        library: Where it comes from.
        seconds: For the whole job, scaled up where it was measured on a part.
        times_ours: Its seconds over ours in the same round.
        units: Seconds in ordinary forward and backward passes over the training examples, one per
            checkpoint (median over the rounds).
        measured: Training examples and queries that it was measured on.
        scale: What its measured seconds were multiplied by: the whole job's count of per-example
            gradients over the part's; 1 when it was measured in full.
        memory: Peak bytes above the loaded network, on what it was measured on; None where the
            system does not tell.
        difference: Largest difference from our scores of the same part, over our largest score.
        note: What to know about its scores.
    """

    method: str
    library: str
    seconds: Quartiles
    times_ours: Quartiles
    units: float
    measured: tuple[int, int]
    scale: float
    memory: int | None
    difference: float | None
    note: str


@dataclass(frozen=True)
class JobResult:
    """Every method of one job, ours first."""

    name: str
    title: str
    network: str
    parameters: int
    checkpoints: int
    train: int
    queries: int
    rounds: int
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class GrowthPoint:
    """One size: seconds of every round, and peak bytes above the loaded network."""

    size: int
    seconds: tuple[float, ...]
    memory: int | None


@dataclass(frozen=True)
class Growth:
    """How one of our tracers grows with one size: ``seconds ~ size ** exponent``.

    Args:
        name: The job.
        formula: What was computed.
        variable: What was varied.
        fixed: What was held, in words.
        points: Measurements, smallest size first.
        exponent: Slope of log seconds on log size by least squares.
        interval: Its 95 % confidence interval.
    """

    name: str
    formula: str
    variable: str
    fixed: str
    points: tuple[GrowthPoint, ...]
    exponent: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    processor: str
    threads: int
    versions: dict[str, str]


@dataclass(frozen=True)
class SpeedResult:
    """The whole comparison.

    Args:
        machine: Where.
        settings: The `SpeedConfig`.
        jobs: Methods side by side.
        growth: Our tracers at growing sizes.
    """

    machine: Machine
    settings: dict[str, object]
    jobs: tuple[JobResult, ...]
    growth: tuple[Growth, ...]
