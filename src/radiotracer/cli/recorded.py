"""What a command needs of a recorded run: its data, their truth, its network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.cli.console import err
from radiotracer.errors import InputError, RunError

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.recipes import Manifest
    from radiotracer.runs import Run


def recorded_run(folder: Path, *, allow_interrupted: bool) -> Run:
    """Open a run; of a scan say which training it is of, or that there is none.

    Raises:
        RunError: There is no run, or it is damaged or interrupted.
    """
    from radiotracer.review.scanned import RANKING, SUMMARY, read_scan
    from radiotracer.runs import Run
    from radiotracer.runs.beginning import INFO_FILE

    is_scan = (folder / SUMMARY).is_file() and (folder / RANKING).is_file()
    if is_scan and not (folder / INFO_FILE).exists():
        scanned = read_scan(folder)
        known = scanned.recorded("run")
        raise RunError(
            expected="a recorded training",
            came=f"{folder}, a scan of {scanned.source.words}",
            do="record one by `radiotracer train`" if known is None else f"pass {known}",
        )
    return Run.open(folder, allow_interrupted=allow_interrupted)


def training_data(run: Run, data: str | None) -> Dataset:
    """Open `data`, or what the run recorded, with the options that it was opened with.

    Raises:
        RunError: The run does not know where they are, or they are none that a command can open.
    """
    from radiotracer.scanning.inputs import has_classes

    if not has_classes(run):
        raise RunError(
            expected="a run of examples with classes, which a command can open",
            came="one whose targets are no class numbers, such as tokens of documents",
            do="use it in Python: radiotracer.scan(model, run, data, loss=...)",
        )
    source = data or run.info.data.source
    if source is None:
        raise RunError(
            expected="a run that knows where its training data are",
            came="one recorded from data in memory",
            do="pass data=",
        )
    return open_with(source, run.info.data.options.given())


def open_like(source: str, train: Dataset) -> Dataset:
    """Open a DATA argument as data that belong to `train`: of its kind, shape and classes."""
    from radiotracer.data import open_data

    return open_data(source, like=train, report=err.print)


def open_with(source: str, options: Mapping[str, Any]) -> Dataset:
    """Open a DATA argument with those of the options that data of its form take."""
    from radiotracer.data import open_data
    from radiotracer.data.format import MENDING, Options
    from radiotracer.data.sources import format_of

    form = format_of(source, Options.of(options))
    taken = {*MENDING, *(() if form is None else form.options)}
    given = {name: value for name, value in options.items() if name in taken}
    return open_data(source, report=err.print, **given)


def manifest_of(examples: Dataset) -> Manifest | None:
    """The ground truth that lies beside the examples, if they are a folder that has one."""
    from radiotracer.recipes import Manifest

    return Manifest.beside(examples)


def network_of(run: Run, factory: str | None) -> nn.Module:
    """Build the run's network; the weights are drawn and thrown away, the caller's RNG kept."""
    from radiotracer.training.making import make_network

    return make_network(run.info.model, factory)


def rows_of(option: str, query: str) -> tuple[str, list[int]]:
    """Split ``DATA#ROW,ROW`` into the DATA argument and the rows; no rows where none are named.

    A path may itself hold a #: what exists as written is taken as written.
    """
    if "#" not in query or Path(query).exists():
        return query, []
    source, _, rows = query.rpartition("#")
    if not source or not re.fullmatch(r"[0-9]{1,12}(,[0-9]{1,12})*", rows):
        raise InputError(
            expected=f"{option} DATA#ROW with row numbers from 0, such as mnist:test#5,17",
            came=repr(query),
            do="write it so",
        )
    return source, [int(row) for row in rows.split(",")]
