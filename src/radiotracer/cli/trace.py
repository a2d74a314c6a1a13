"""``radiotracer trace``: scan with checkpoints of a training that was not recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, progress, tell_data
from radiotracer.cli.options import (
    DEFAULT_READING,
    BatchSize,
    Data,
    Device,
    Json,
    Out,
    Overwrite,
    ReadingOptions,
    Seed,
)
from radiotracer.cli.recorded import open_like
from radiotracer.cli.suspects import Architecture, SuspectFactory


@command("trace")
def trace(
    checkpoints: Annotated[
        Path,
        Parameter(
            help="A checkpoint (.safetensors, .pt, .ckpt, a checkpoint-* folder), or a folder of "
            "several, in the order of the numbers in their names."
        ),
    ],
    data: Data,
    /,
    *,
    folder: Annotated[Out, Parameter(name="--out")],
    architecture: Architecture = None,
    factory: SuspectFactory = None,
    learning_rates: Annotated[
        list[float] | None,
        Parameter(
            name="--learning-rate",
            negative="",
            help="How much a checkpoint counts, once for each in their order: the sum of the rates "
            "of the steps since the one before. By default as the Trainer logged them.",
        ),
    ] = None,
    validation: Annotated[
        str | None,
        Parameter(help="Clean data that were not trained on; by default the split that belongs."),
    ] = None,
    reading: ReadingOptions = DEFAULT_READING,
    batch_size: BatchSize = 512,
    device: Device = "auto",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> int:
    """Rank training examples by suspicion, with checkpoints that you have.

    Makes a run of them in OUT/run, which every command takes that takes a recorded run and needs no
    order of batches, and scans it into OUT/scan. Of the checkpoints nothing but tensors is opened.

    Example: radiotracer trace checkpoints photos --factory mine:network --out traced
    """
    from radiotracer.cli.scan import tell
    from radiotracer.data import open_data
    from radiotracer.data.quality import held_out
    from radiotracer.files import require_new_folder
    from radiotracer.gradients import device_named
    from radiotracer.recipes import Manifest
    from radiotracer.runs import Run
    from radiotracer.runs.beginning import INFO_FILE
    from radiotracer.scanning import SUMMARY_FILE, write_scan
    from radiotracer.scanning import scan as scan_run
    from radiotracer.training.making import make_network, reference_spec

    require_new_folder(folder / "scan", marker=SUMMARY_FILE, overwrite=overwrite)
    require_new_folder(folder / "run", marker=INFO_FILE, overwrite=overwrite)
    place = device_named(device)
    # What names no network, or one that cannot be made, is refused before the data are read.
    model = make_network(None, factory) if factory or architecture is None else None
    examples = open_data(data, report=err.print, **reading.given())
    clean, shown = validation or examples.validation, None
    if clean not in (None, "none"):
        shown = held_out(examples, open_like(str(clean), examples))
    spec = None
    if model is None:
        spec = reference_spec(str(architecture), like=examples, classes=len(examples.class_names))
        model = make_network(spec)
    tell_data(examples, shown, listed=True)
    run = Run.from_checkpoints(
        checkpoints,
        learning_rates,
        data=examples,
        model=model,
        model_spec=spec,
        out=folder / "run",
        overwrite=overwrite,
    )
    with progress() as reporter:
        found = scan_run(
            model.to(place),
            run,
            examples,
            shown,
            manifest=Manifest.beside(examples),
            batch_size=batch_size,
            seed=seed,
            progress=reporter,
        )
    typed = " ".join(["radiotracer", *sys.argv[1:]])
    summary = write_scan(found, folder / "scan", command=typed, overwrite=overwrite)
    if json:
        emit(summary)
    else:
        tell(summary, folder / "scan", found.certain_lines)
    if summary["inconclusive"] is not None:
        return 4
    return 1 if summary["flagged"] else 0
