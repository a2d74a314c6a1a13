"""``radiotracer check``: train, scan and report on data of your own, in one command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out, progress
from radiotracer.cli.options import (
    DEFAULT_READING,
    Data,
    Device,
    Json,
    ReadingOptions,
    Seed,
)


@command("check")
def check(
    data: Data,
    /,
    *,
    folder: Annotated[
        Path, Parameter(name="--out", help="Folder to write; an earlier check there is replaced.")
    ] = Path("checked"),
    validation: Annotated[
        str | None,
        Parameter(
            help="Clean data of the same kind that are not among the checked ones; by default the "
            "test split that belongs to them, if there is one."
        ),
    ] = None,
    reading: ReadingOptions = DEFAULT_READING,
    device: Device = "auto",
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Look for wrong labels in data of your own: train, scan and report in one go.

    Trains a small network on images (resized to 32 x 32 pixels), texts, rows of a table or vectors,
    and scans that training. OUT/scan gets ranking.parquet, scores.parquet, summary.json and
    report.html, and OUT/run the recorded training. Examples that are the same byte for byte but
    lie under different labels are certain errors, which need no network: OUT/scan/duplicates.csv
    has them, and what could not be read is in OUT/scan/left-out.csv. 5,000 images take less than a
    minute on one core. `train` and `scan` are the same in two steps, with all their options. A
    check that was stopped goes on from the last checkpoint of its training when the same command is
    run again.

    Example: radiotracer check photos --out checked

    Example: radiotracer check messages.csv --text-column message --label-column kind
    """
    from radiotracer.checking import check as check_data
    from radiotracer.cli.scan import tell
    from radiotracer.scanning.outputs import summarise

    with progress() as reporter:
        found = check_data(
            data,
            folder,
            validation=validation,
            **reading.given(),
            device=device,
            seed=seed,
            command=" ".join(["radiotracer", *sys.argv[1:]]),
            progress=reporter,
            note=err.print,
        )
    summary = summarise(found)
    if json:
        emit(summary)
    else:
        tell(summary, folder / "scan", found.certain_lines)
        out.print(f"next: radiotracer review {folder / 'scan'}")
    if summary["inconclusive"] is not None:
        return 4
    certain = summary["read"]["certain"]["under_different_labels"]
    return 1 if summary["flagged"] or certain else 0
