"""What people and scripts see: results on standard output, progress on standard error.

What draws on a terminal is imported when there is something to draw: help needs none of it.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from radiotracer.cli.text import visible
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from radiotracer.data import Dataset
    from radiotracer.data.account import Account

Model = TypeVar("Model", bound="BaseModel")


class _Plain:
    """Labels and file names are data, not markup: nothing is highlighted, wrapped or obeyed."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr

    @functools.cached_property
    def console(self) -> Console:
        """What draws."""
        from rich.console import Console

        return Console(
            stderr=self._stderr, highlight=False, markup=False, emoji=False, soft_wrap=True
        )

    @property
    def is_terminal(self) -> bool:
        """Whether somebody looks on."""
        return self.console.is_terminal

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, with control characters in texts made visible."""
        shown = (visible(o) if isinstance(o, str) else o for o in objects)
        self.console.print(*shown, **options)


out = _Plain()
err = _Plain(stderr=True)


class Reporter:
    """Progress bars on a terminal; elsewhere one line for each finished stage."""

    def __init__(self, bars: Progress | None) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def __call__(self, what: str, done: int, of: int) -> None:
        """`done` of `of` examples of the stage `what` are done."""
        if self._bars is None:
            if done >= of and what not in self._tasks:
                self._tasks[what] = None
                err.print(f"{what}: {of:,} done")
            return
        if what not in self._tasks:
            # What is done at the start does not count for the rate.
            self._tasks[what] = self._bars.add_task(what, total=of, completed=done)
        self._bars.update(self._tasks[what], completed=done)


@contextmanager
def progress() -> Iterator[Reporter]:
    """Report progress on standard error."""
    if not err.is_terminal:
        yield Reporter(None)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err.console,
    ) as bars:
        yield Reporter(bars)


def emit(value: Mapping[str, Any]) -> None:
    """One machine-readable object on standard output."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def detector_table(summary: Mapping[str, Any]) -> Table:
    """Detectors side by side; metric columns only where a manifest says what is true."""
    from rich.table import Table

    rows: Mapping[str, Mapping[str, Any]] = summary["detectors"]
    metrics = {
        "auroc": "AUROC",
        "auprc": "AUPRC",
        "tpr_at_fpr_0.01": "TPR at\n1% FPR",
        "tpr_at_fpr_0.001": "TPR at\n.1% FPR",
        "recall": "recall\nflagged",
        "false_positive_rate": "FPR\nflagged",
    }
    shown = {key: title for key, title in metrics.items() if any(key in r for r in rows.values())}
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("detector", no_wrap=True)
    for title in (*shown.values(), "sec"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, row in rows.items():
        mark = " *" if name == summary["detector"] else ""
        cells = [f"{row[key]:.4f}" if row.get(key) is not None else "-" for key in shown]
        table.add_row(name + mark, *cells, f"{row['seconds']:.1f}")
    return table


def settings(kind: type[Model], **values: Any) -> Model:
    """Make a config of these values; one that is out of range is one line that names it."""
    from pydantic import ValidationError

    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{first['loc'][0]}=" if first["loc"] else kind.__name__
        raise InputError(
            expected=f"{name} {first['msg'].removeprefix('Input should be ')}",
            came=repr(first["input"]),
            do="choose another value",
        ) from error


def tell_data(
    train: Dataset, validation: Dataset | None = None, *, listed: bool = False
) -> Account:
    """Say what was read, on standard error.

    Args:
        train: The examples.
        validation: Those that belong to them, where they were opened.
        listed: Whether the list of what was left out is written, too.
    """
    from radiotracer.data.account import Account

    account = Account(train, validation)
    for line in account.lines(listed=listed):
        err.print(line)
    return account
