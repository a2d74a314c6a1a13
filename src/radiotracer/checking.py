"""Wrong labels in data of one's own: train, scan and write a report, in one call."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

from radiotracer.data import Dataset, open_data
from radiotracer.data.account import Account
from radiotracer.data.format import Reading, is_there, split_of
from radiotracer.data.opening import SUFFIXES
from radiotracer.data.quality import MOST_AGAIN, held_out, shared
from radiotracer.data.sources import takes_image_size
from radiotracer.errors import DataError, InputError
from radiotracer.files import require_new_folder, write_text
from radiotracer.gradients import AUTO, device_named
from radiotracer.recipes import Manifest
from radiotracer.scanning import Scan, scan, write_scan
from radiotracer.scanning.inputs import require_same_kind
from radiotracer.training.config import TrainConfig
from radiotracer.training.kept import trained_once

CHECK_FILE = "check.json"
"""Marks a folder as a check's: only in such folders is a training replaced."""

FEWEST = 100
"""Examples; of fewer a network that begins with random weights learns next to nothing."""

SIDE = 32
"""Pixels that encoded images are resized to: small enough for a processor, enough for most."""

Where = str | os.PathLike[str]


def check(
    data: Where | Dataset | Any,
    out: Where = "checked",
    *,
    validation: Where | Dataset | Any | None = None,
    device: str = AUTO,
    seed: int = 0,
    command: str = "radiotracer.check",
    progress: Callable[[str, int, int], None] = lambda *_: None,
    note: Callable[[str], None] = lambda _: None,
    **reading: Unpack[Reading],
) -> Scan:
    """Look for wrong labels in data of any kind: train the kind's default network, scan, report.

    `out` gets ``run``, the recorded training; ``scan``, with ``summary.json``, ``report.html`` and
    the ranking of all examples; and ``check.json``, the settings of the training. A training that
    is complete there, or was stopped, is taken up by the same call.

    Args:
        data: Whatever `radiotracer.open_data` takes: a DATA argument, a data set, data in memory.
        out: A new folder, or that of an earlier check, which is replaced.
        validation: Clean examples of the same kind that are not among `data`; by default the test
            split that belongs to them, if there is one.
        device: Where to train and to scan; ``"auto"`` is the accelerator, if there is one.
        seed: Everything random follows from it.
        command: What to name in the report as the command.
        progress: Told what is done, how many examples of it, and how many there are.
        note: Told, in words, what was fetched, left out or taken up again.
        reading: As `radiotracer.open_data` takes it; encoded images are resized to 32 x 32 by
            default.

    Returns:
        The scan; its `source` is the training.

    Raises:
        DataError: Too few examples, of less than two classes, or validation examples that are of
            another kind or among those that are checked.
        InputError: `out` holds something else, or lies among the data.
        StorageError: The disk refused.
    """
    folder = Path(out)
    for given in (data, validation):
        if isinstance(given, str | os.PathLike):
            _require_no_image(given)
            _require_outside(folder, given)
    require_new_folder(folder, marker=CHECK_FILE, overwrite=True)
    place = device_named(device)
    if reading.get("image_size") is None and takes_image_size(data):
        reading = {**reading, "image_size": SIDE}
    examples = open_data(data, report=note, **reading)
    shown = validation if validation is not None else examples.validation
    if shown is not None:
        shown = _validation(open_data(shown, like=examples, report=note), examples)
    for line in Account(examples, shown).lines(listed=True):
        note(line)
    config = settings_for(examples, seed)
    write_text(folder / CHECK_FILE, config.model_dump_json(indent=2) + "\n")
    run, network = trained_once(
        examples, config, folder / "run", device=place, progress=progress, note=note
    )
    found = scan(
        network.to(place),
        run,
        examples,
        shown,
        manifest=Manifest.beside(examples),
        seed=seed,
        progress=progress,
    )
    write_scan(found, folder / "scan", command=command, overwrite=True)
    return found


def settings_for(examples: Dataset, seed: int) -> TrainConfig:
    """Those of a quick training of the default network.

    Raises:
        DataError: Too few examples to learn from, or all of one class.
    """
    if len(examples) < FEWEST:
        raise DataError(
            expected=f"at least {FEWEST} examples to learn from",
            came=str(len(examples)),
            do="check more of them, or train a network of your own and record it",
        )
    examples.require_every_class()
    return TrainConfig.quick(examples, seed=seed)


def _require_no_image(data: Where) -> None:
    path = Path(data)
    if path.suffix.lower() in SUFFIXES and is_there(path) and path.is_file():
        raise DataError(
            expected="a folder with one folder of images per class",
            came=f"the image {data}",
            do="pass the folder that holds the class folders",
        )


def _require_outside(folder: Path, data: Where) -> None:
    """Among class folders, what a check writes would be a class."""
    around = Path(split_of(os.fspath(data))[0])
    if is_there(around) and around.is_dir() and folder.resolve().is_relative_to(around.resolve()):
        raise InputError(
            expected="out= outside of the data",
            came=f"{folder} within {around}",
            do="choose another out=",
        )


def _validation(shown: Dataset, examples: Dataset) -> Dataset:
    """Those that are held out; what only the scan would refuse is refused before the training."""
    require_same_kind(examples, shown)
    copies = shared(examples, shown)
    again = int((copies.rows >= len(examples)).sum())
    if again > MOST_AGAIN * len(shown):
        raise DataError(
            expected="validation data that are not among the checked ones",
            came=f"{again:,} of {len(shown):,} that are",
            do="hold them out of DATA, or pass them to scan as a clean_reference=",
        )
    return held_out(examples, shown)
