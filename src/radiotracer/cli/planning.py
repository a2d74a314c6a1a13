"""``scan --plan``: what a scan would cost, before it is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from radiotracer.cli.console import out

if TYPE_CHECKING:
    from radiotracer.scanning import Plan

PlanOnly = Annotated[
    bool,
    Parameter(
        name="--plan",
        negative="",
        show_default=False,
        help="Time a few batches, print what the scan would cost in time, memory and disk, and "
        "write nothing.",
    ),
]


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan for scripts: seconds and bytes."""
    stages = {
        stage.kind: {
            "units": stage.units,
            "examples": stage.examples,
            "seconds": round(stage.seconds, 1),
            "disk": stage.kept,
        }
        for stage in plan.stages
    }
    return {
        "seconds": round(plan.seconds, 1),
        "workers": plan.workers,
        "opening_seconds": round(plan.opening, 1),
        "ranking_seconds": round(plan.ranking, 1),
        "memory": plan.memory,
        "disk": plan.disk,
        "stages": stages,
    }


def tell_plan(plan: Plan) -> None:
    """Print the plan for people."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("what")
    for title in ("units", "examples", "time of one worker", "disk"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_row("start and open", "", "", _time(plan.opening), "")
    for stage in plan.stages:
        table.add_row(
            stage.kind,
            f"{stage.units:,}",
            f"{stage.examples:,}",
            _time(stage.seconds),
            _size(stage.kept),
        )
    table.add_row("rank and decide", "", "", _time(plan.ranking), "")
    out.print(table)
    out.print()
    who = "in this process" if plan.workers is None else f"with {plan.workers} workers"
    out.print(f"time    {_time(plan.seconds)} {who}")
    out.print(f"memory  {_size(plan.memory)} in the largest process")
    out.print(f"disk    {_size(plan.disk)} while it runs")


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:,.1f} h"


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
