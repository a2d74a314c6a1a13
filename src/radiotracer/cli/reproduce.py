"""``radiotracer reproduce``: published experiments, carried out again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out, progress, settings
from radiotracer.cli.options import Json


@command("reproduce tracein")
def tracein(
    *,
    scale: Annotated[
        Literal["quick", "paper"],
        Parameter(
            help="quick: 5,000 images, a quarter of the width, 8 epochs; minutes on two cores. "
            "paper: the source's sizes; days on a processor."
        ),
    ] = "quick",
    seeds: Annotated[
        tuple[int, ...],
        Parameter(
            name="--seed",
            negative="",
            show_default=False,
            help="May be given again; by default 0, 1 and 2.",
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
    """Repeat the experiment that tampered points are found by influence on 20 queries.

    Trains a ResNet-18 on MNIST with and without 100 tampered examples, asks both about these among
    clean ones, and judges Algorithm 1 as printed (sum over the queries >= gamma), its opposite
    tail, the published code's score, and today's detectors: recall and false-positive rate at gamma
    = 300 and at the 100 highest scores. --scale paper has the sizes of the source: 60,000 images,
    50 epochs, the full network.

    Example: radiotracer reproduce tracein --scale quick --out tracein
    """
    from radiotracer.reproduce.tracein import SCALES, TraceInConfig, markdown, run_tracein

    chosen = {"seeds": seeds} if seeds else {}
    config = settings(TraceInConfig, **{**SCALES[scale], **chosen})
    with progress() as reporter:
        result = run_tracein(config, folder, progress=reporter)
    if json:
        emit(dataclasses.asdict(result))
    else:
        for line in markdown(result).splitlines():  # each may hold names, but no line breaks
            out.print(line)
    return 0
