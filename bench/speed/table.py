"""The comparison as tables for a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from bench.speed.result import Growth, JobResult, SpeedResult


def tables(result: SpeedResult) -> Iterator[RenderableType]:
    """A line on the machine, then a heading and a table for each job."""
    versions = ", ".join(f"{name} {number}" for name, number in result.machine.versions.items())
    threads = result.machine.threads
    yield Text(f"{result.machine.processor}, {threads} thread{'s' * (threads > 1)}, {versions}")
    for job in result.jobs:
        yield Text()
        yield Text(_heading(job))
        yield _job_table(job)
        yield from _footnotes(job)
    for growth in result.growth:
        yield Text()
        yield Text(_growth_heading(growth))
        yield _growth_table(growth)


def _heading(job: JobResult) -> str:
    sizes = f"{job.train:,} training examples"
    if job.queries:
        sizes += f", {job.queries:,} queries"
    return (
        f"{job.name}: {job.title}\n"
        f"{job.network} ({job.parameters:,} parameters), {job.checkpoints} checkpoints\n"
        f"{sizes}; medians of {job.rounds} paired runs"
    )


def _job_table(job: JobResult) -> Table:
    table = _table(
        "method",
        "seconds",
        "times\nours",
        "quartiles",
        "training\npasses",
        "peak\nMiB",
        "differ-\nence",
    )
    for row in job.rows:
        ratio = row.times_ours
        table.add_row(
            f"{row.library} {row.method}",
            _number(row.seconds.median),
            _number(ratio.median),
            f"{_number(ratio.low)}-{_number(ratio.high)}",
            _number(row.units),
            "-" if row.memory is None else f"{row.memory / 2**20:,.0f}",
            "-" if row.difference is None else f"{row.difference:.0e}",
        )
    return table


def _footnotes(job: JobResult) -> Iterator[RenderableType]:
    """What was measured on a part, and whose scores are of something else."""
    for row in job.rows:
        if row.scale != 1:
            on = f"{row.measured[0]:,} of {job.train:,} training examples"
            if job.queries:
                on += f", {row.measured[1]:,} of {job.queries:,} queries"
            yield Text(f"{row.library} {row.method}: measured on {on}; x {_number(row.scale)}")
    for note in dict.fromkeys(row.note for row in job.rows if row.note):
        yield Text(f"* {note}")


def _growth_heading(growth: Growth) -> str:
    low, high = growth.interval
    return (
        f"{growth.name}: {growth.formula} ({growth.fixed})\n"
        f"seconds ~ {growth.variable} ^ {growth.exponent:.2f} (95 %: {low:.2f} to {high:.2f})"
    )


def _growth_table(growth: Growth) -> Table:
    table = _table(growth.variable, "seconds", "peak MiB")
    for point in growth.points:
        table.add_row(
            f"{point.size:,}",
            _number(statistics.median(point.seconds)),
            "-" if point.memory is None else f"{point.memory / 2**20:,.0f}",
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for title in others:
        table.add_column(title, justify="right", vertical="bottom", no_wrap=True)
    return table


def _number(value: float) -> str:
    """Three significant digits, without an exponent."""
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
