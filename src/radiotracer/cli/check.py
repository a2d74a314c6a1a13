"""``radiotracer check``: train, scan and report on data of your own, in one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from radiotracer.cli.console import emit, err, out, progress, tell_left_out
from radiotracer.cli.options import Data, Device, ImageSize, Json, Seed
from radiotracer.cli.recorded import manifest_of, open_like
from radiotracer.cli.scan import tell
from radiotracer.data import Dataset, open_data
from radiotracer.data.format import is_there, split_of
from radiotracer.data.formats.image_folder import SUFFIXES
from radiotracer.data.sources import takes_image_size
from radiotracer.errors import DataError, InputError
from radiotracer.files import require_new_folder, write_text
from radiotracer.gradients import AUTO, device_named
from radiotracer.scanning import scan, write_scan
from radiotracer.scanning.inputs import require_same_kind
from radiotracer.training.kept import trained_once
from radiotracer.training.loop import TrainConfig

CHECK_FILE = "check.json"
"""Marks a folder as a check's: only in such folders is a training replaced."""

FEWEST = 100
"""Examples; of fewer a network that begins with random weights learns next to nothing."""

MOST_AGAIN = 0.1
"""Share of trusted examples that may be among the checked: a few images are taken twice."""

SIDE = 32
"""Pixels that images are resized to: small enough for a processor, enough for most objects."""


def check(
    data: Data,
    /,
    *,
    folder: Annotated[
        Path, Parameter(name="--out", help="Folder to write; an earlier check there is replaced.")
    ] = Path("checked"),
    queries: Annotated[
        str | None,
        Parameter(
            help="Trusted data that are not among the checked ones; by default the test split that "
            "belongs to them, if there is one."
        ),
    ] = None,
    image_size: ImageSize = None,
    device: Device = AUTO,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    for given in (data, queries):
        if given is not None:
            _require_no_image(given)
            _require_outside(folder, given)
    require_new_folder(folder, marker=CHECK_FILE, overwrite=True)
    place = device_named(device)
    size = SIDE if image_size is None and takes_image_size(data) else image_size
    examples = open_data(data, image_size=size, report=err.print)
    tell_left_out(examples)
    config = settings_for(examples, seed)
    trusted = queries or examples.validation
    shown = None if trusted is None else open_like(trusted, examples)
    if shown is not None:
        tell_left_out(shown)
        _require_trusted(shown, examples)
    write_text(folder / CHECK_FILE, config.model_dump_json(indent=2) + "\n")
    with progress() as reporter:
        run, network = trained_once(
            examples,
            config,
            folder / "run",
            image_size=size,
            device=place,
            progress=reporter,
            note=err.print,
        )
        found = scan(
            network.to(place),
            run,
            examples,
            shown,
            manifest=manifest_of(examples),
            seed=seed,
            progress=reporter,
        )
    command = " ".join(["radiotracer", *sys.argv[1:]])
    summary = write_scan(found, folder / "scan", command=command, overwrite=True)
    if json:
        emit(summary)
    else:
        tell(summary, folder / "scan")
        out.print(f"next: radiotracer review {folder / 'scan'}")
    return 1 if summary["flagged"] else 0


def settings_for(examples: Dataset, seed: int) -> TrainConfig:
    """A quarter-width ResNet-18; fewer examples are seen more often, in smaller batches.

    Raises:
        DataError: Too few examples to learn from, or all of one class.
    """
    if len(examples) < FEWEST:
        raise DataError(
            expected=f"at least {FEWEST} examples to learn from",
            came=str(len(examples)),
            do="check more of them, or train a network of your own and record it",
        )
    classes = np.unique(examples.labels)
    if len(classes) < 2:
        raise DataError(
            expected="examples of two classes or more",
            came=f"only {examples.class_names[classes[0]]}",
            do="pass the folder that holds all class folders",
        )
    return TrainConfig(
        width=16,
        epochs=12 if len(examples) < 1_000 else 8 if len(examples) < 10_000 else 4,
        batch_size=32 if len(examples) < 2_000 else 128,
        seed=seed,
    )


def _require_no_image(data: str) -> None:
    path = Path(data)
    if path.suffix.lower() in SUFFIXES and is_there(path) and path.is_file():
        raise DataError(
            expected="a folder with one folder of images per class",
            came=f"the image {data}",
            do="pass the folder that holds the class folders",
        )


def _require_outside(folder: Path, data: str) -> None:
    """Among class folders, what a check writes would be a class."""
    around = Path(split_of(data)[0])
    if is_there(around) and around.is_dir() and folder.resolve().is_relative_to(around.resolve()):
        raise InputError(
            expected="--out outside of the images",
            came=f"{folder} within {around}",
            do="choose another --out",
        )


def _require_trusted(shown: Dataset, examples: Dataset) -> None:
    """What only the scan would refuse is refused before the training."""
    require_same_kind(examples, shown)
    if len(shown.class_names) > len(examples.class_names):
        raise DataError(
            expected=f"trusted data of the {len(examples.class_names)} classes that are checked",
            came=f"{len(shown.class_names)} classes, such as {shown.class_names[-1]}",
            do="leave the others out",
        )
    again = int(np.isin(shown.digests, examples.digests).sum())
    if again > MOST_AGAIN * len(shown):
        raise DataError(
            expected="trusted data that are not among the checked ones",
            came=f"{again:,} of {len(shown):,} that are",
            do="hold them out of DATA, or pass them to scan as a --reference",
        )
