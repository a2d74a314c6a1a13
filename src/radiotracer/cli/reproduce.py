"""``radiotracer reproduce``: published experiments, carried out again."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, err, out, progress, settings
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


@command("reproduce radioactive")
def radioactive(
    *,
    scale: Annotated[
        Literal["quick", "paper"],
        Parameter(
            help="quick: 5,000 images of MNIST, one seed; minutes on two cores. paper: all data "
            "sets, shares and seeds in full; days on a processor."
        ),
    ] = "quick",
    data: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Training data that have a test split, or mnist-by-fashion (100 classes: a digit "
            "beside a piece of clothing); may be given again.",
        ),
    ] = (),
    shares: Annotated[
        tuple[float, ...],
        Parameter(
            name="--share",
            negative="",
            show_default=False,
            help="Share of the examples to mark; may be given again.",
        ),
    ] = (),
    suspects: Annotated[
        tuple[Literal["scratch", "other", "frozen"], ...],
        Parameter(
            name="--suspect",
            negative="",
            show_default=False,
            help="Trained from scratch, like the marking networks or as a small-cnn; or a fresh "
            "last layer on the frozen extractor. May be given again.",
        ),
    ] = (),
    seeds: Annotated[
        tuple[int, ...],
        Parameter(
            name="--seed",
            negative="",
            show_default=False,
            help="Of the key and the suspect; may be given again.",
        ),
    ] = (),
    examples: Annotated[
        int | None, Parameter(help="Use so many training examples; by default all.")
    ] = None,
    epochs: Annotated[int | None, Parameter(help="Passes of suspects and references.")] = None,
    folder: Annotated[
        Path,
        Parameter(name="--out", help="Folder to write; what is finished there is not done again."),
    ] = Path("radioactive"),
    json: Json = False,
) -> int:
    """Repeat the experiment that models show which data they were trained on.

    Marks shares of a data set, trains suspects on it (a fresh last layer on the frozen extractor,
    the same architecture from scratch, another one), and audits them by weights, scores, labels and
    distillation: log10 p, accuracy and PSNR.

    Example: radiotracer reproduce radioactive --scale quick
    """
    from radiotracer.reproduce.radioactive import RADIOACTIVE, AuditConfig, markdown, run_audits

    given = {"data": data, "shares": shares, "suspects": suspects, "seeds": seeds}
    chosen: dict[str, object] = {name: value for name, value in given.items() if value}
    # By identity: a 0 is given, and is refused by the settings.
    numbers = {"examples": examples, "epochs": epochs}
    chosen |= {name: value for name, value in numbers.items() if value is not None}
    config = settings(AuditConfig, **{**RADIOACTIVE[scale], **chosen})
    with progress() as reporter:
        cells = run_audits(config, folder, progress=reporter, report=err.print)
    if json:
        emit(
            {
                "settings": config.model_dump(mode="json"),
                "cells": [cell.model_dump(mode="json") for cell in cells],
            }
        )
        return 0
    for line in markdown(cells, config).splitlines():
        out.print(line)
    return 0
