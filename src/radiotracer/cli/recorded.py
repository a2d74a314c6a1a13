"""What a command needs of a recorded run: its data, their truth, its network."""

from __future__ import annotations

import re
from pathlib import Path

from torch import nn

from radiotracer.cli.console import err
from radiotracer.data import Dataset, open_data
from radiotracer.data.sources import takes_image_size
from radiotracer.errors import InputError, RunError
from radiotracer.recipes import Manifest
from radiotracer.runs import Run
from radiotracer.training.making import make_network


def training_data(run: Run, data: str | None) -> Dataset:
    """Open `data`, or what the run recorded, with the size that its images had."""
    source = data or run.info.data.source
    if source is None:
        raise RunError(
            expected="a run that knows where its training data are",
            came="one recorded from data in memory",
            do="pass --data",
        )
    return open_sized(source, recorded_image_size(run))


def recorded_image_size(run: Run) -> int | None:
    """The side in pixels that images were resized to; None where they were not."""
    size = run.info.settings.get("image_size")
    if size is not None and (type(size) is not int or size < 1):
        raise RunError(
            expected=f"an image_size in {run.folder} that is a number of pixels",
            came=repr(size)[:100],
            do="record the run again",
        )
    return size


def open_like(source: str, train: Dataset) -> Dataset:
    """Open a DATA argument; a folder of images is resized to the training images."""
    _, height, width, _ = train.content.shape
    return open_sized(source, height if height == width else None)


def open_sized(source: str, image_size: int | None) -> Dataset:
    """Open a DATA argument; images of several sizes are resized, as the training images were."""
    size = image_size if takes_image_size(source) else None
    return open_data(source, image_size=size, report=err.print)


def manifest_of(examples: Dataset) -> Manifest | None:
    """The ground truth that lies beside the examples, if they are a folder that has one."""
    folder = Path(examples.source)
    is_path = folder.is_absolute() and folder.is_dir()  # a built-in name is no path
    return Manifest.read(folder, examples) if is_path else None


def network_of(run: Run, factory: str | None) -> nn.Module:
    """Build the run's network; the weights are drawn and thrown away, the caller's RNG kept."""
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
