"""What a command needs of a recorded run: its data, their truth, its network."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.cli.console import err
from radiotracer.errors import InputError, RunError

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.data import Dataset
    from radiotracer.provenance.release import Release
    from radiotracer.recipes import Manifest
    from radiotracer.runs import Run


def training_data(run: Run, data: str | None) -> Dataset:
    """Open `data`, or what the run recorded, with the options that it was opened with."""
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
    from radiotracer.data.sources import format_of

    form = format_of(source)
    taken = () if form is None else form.options
    given = {name: value for name, value in options.items() if name in taken}
    return open_data(source, report=err.print, **given)


def held_out_of(release: Release, source: str | None) -> Dataset | None:
    """Unmarked examples for audits of carriers: of `source`, or of the data's own test split.

    None where the design needs none; an `InputError` where one is given all the same.
    """
    if release.protocol.design != "carriers":
        if source is not None:
            raise InputError(
                expected=f"no --held-out: audits of {release.protocol.design} need none",
                came=source,
                do="leave it out",
            )
        return None
    source = source or release.published.validation
    if source is None:
        raise InputError(
            expected="unmarked data that the suspect was not trained on",
            came="marked data without a test split",
            do="pass --held-out",
        )
    return open_like(source, release.published)


def manifest_of(examples: Dataset) -> Manifest | None:
    """The ground truth that lies beside the examples, if they are a folder that has one."""
    from radiotracer.recipes import Manifest

    return Manifest.beside(examples)


def network_of(run: Run, factory: str | None) -> nn.Module:
    """Build the run's network; the weights are drawn and thrown away, the caller's RNG kept."""
    import torch
    from torch import nn

    from radiotracer.training.building import build_model

    with torch.random.fork_rng(devices=[]):
        if factory is None:
            return build_model(run.info.model)
        module, _, function = factory.partition(":")
        sys.path.insert(0, str(Path.cwd()))
        try:
            model = getattr(importlib.import_module(module), function)()
        except Exception as error:  # it runs code of the user's
            raise InputError(
                expected="factory=module:function that can be imported and called",
                came=f"{factory!r}: {type(error).__name__}: {error}",
                do="check the names, and that the module lies in this folder or is installed",
            ) from error
        finally:
            sys.path.pop(0)
    if not isinstance(model, nn.Module):
        raise InputError(
            expected="a factory that returns a torch.nn.Module",
            came=type(model).__name__,
            do="return the network",
        )
    return model


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
