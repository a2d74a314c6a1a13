"""``radiotracer reproduce``: published experiments, carried out again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.console import emit, out, progress, settings
from radiotracer.cli.options import Json
from radiotracer.reproduce.tracein import SCALES, Scale, TraceInConfig, markdown, run_tracein


def tracein(
    *,
    scale: Annotated[
        Scale,
        Parameter(
            help="quick: 5,000 images, a quarter of the width, 8 epochs; minutes on two cores. "
            "paper: the source's sizes; days on a processor."
        ),
    ] = "quick",
    seed: Annotated[
        tuple[int, ...],
        Parameter(
            negative="", show_default=False, help="May be given again; by default 0, 1 and 2."
        ),
    ] = (),
    folder: Annotated[
        Path | None,
        Parameter(
            name="--out",
            help="Also write result.json into this folder, and keep the trainings, so that an "
            "experiment that was stopped goes on.",
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    chosen = {"seeds": seed} if seed else {}
    config = settings(TraceInConfig, **{**SCALES[scale], **chosen})
    with progress() as reporter:
        result = run_tracein(config, folder, progress=reporter)
    if json:
        emit(dataclasses.asdict(result))
    else:
        for line in markdown(result).splitlines():  # each may hold names, but no line breaks
            out.print(line)
    return 0
