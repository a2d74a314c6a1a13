"""``radiotracer bench audit`` and ``radiotracer reproduce radioactive``: how much a mark shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.console import emit, err, out, progress, settings
from radiotracer.cli.options import Json
from radiotracer.provenance.choosing import Policy
from radiotracer.reproduce.radioactive import (
    QUICK,
    RADIOACTIVE,
    AuditConfig,
    Scale,
    SuspectKind,
    markdown,
    run_audits,
)
from radiotracer.training.augment import Variation

Many = Parameter(negative="", show_default=False, show_choices=False)

DataToMark = Annotated[
    tuple[str, ...],
    Parameter(
        negative="",
        show_default=False,
        help="Training data that have a test split, or mnist-by-fashion (100 classes: a digit "
        "beside a piece of clothing); may be given again.",
    ),
]
Shares = Annotated[
    tuple[float, ...],
    Parameter(
        name="--fraction",
        negative="",
        show_default=False,
        help="Share of the examples to mark; may be given again.",
    ),
]
Suspects = Annotated[
    tuple[SuspectKind, ...],
    Parameter(
        name="--suspect",
        negative="",
        show_default=False,
        help="Trained from scratch, like the marking networks or as a small-cnn; or a fresh last "
        "layer on the frozen extractor. May be given again.",
    ),
]
Seeds = Annotated[
    tuple[int, ...],
    Parameter(
        name="--seed",
        negative="",
        show_default=False,
        help="Of the key and the suspect; may be given again.",
    ),
]
ExamplesOption = Annotated[
    int | None, Parameter(help="Use so many training examples; by default all.")
]
Epochs = Annotated[int | None, Parameter(help="Passes of suspects and references.")]
Folder = Annotated[
    Path,
    Parameter(name="--out", help="Folder to write; what is finished there is not done again."),
]


def audit(
    *,
    data: DataToMark = (),
    design: Annotated[
        tuple[str, ...],
        Parameter(negative="", show_default=False, help="What to plant; may be given again."),
    ] = (),
    fraction: Shares = (),
    radius: Annotated[
        tuple[int, ...],
        Parameter(
            negative="",
            show_default=False,
            help="How many of 255 grey levels a pixel may change by; may be given again.",
        ),
    ] = (),
    augment: Annotated[
        tuple[Variation, ...],
        Parameter(
            negative="", show_default=False, help="How suspects vary images; may be given again."
        ),
    ] = (),
    suspects: Suspects = (),
    choose: Annotated[
        Policy | None, Parameter(help="Which images to mark.", show_default=False)
    ] = None,
    seeds: Seeds = (),
    examples: ExamplesOption = None,
    epochs: Epochs = None,
    psnr: Annotated[float | None, Parameter(help="The lowest PSNR of a twin, in decibels.")] = None,
    references: Annotated[
        int | None, Parameter(help="Networks that the auditor trains on the originals.")
    ] = None,
    marking_networks: Annotated[
        int | None, Parameter(help="Networks that images are marked with.")
    ] = None,
    control_keys: Annotated[
        int | None,
        Parameter(
            help="Audit carriers by what so many other keys' marks do to held-out images, too."
        ),
    ] = None,
    quick: Annotated[
        bool,
        Parameter(negative="", show_default=False, help="One cell of few examples: minutes."),
    ] = False,
    folder: Folder = Path("bench-audit"),
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    given: dict[str, object] = {
        "data": data,
        "designs": design,
        "shares": fraction,
        "radii": radius,
        "augment": augment,
        "suspects": suspects,
        "choose": choose,
        "seeds": seeds,
        "examples": examples,
        "epochs": epochs,
        "psnr": psnr,
        "references": references,
        "marking_networks": marking_networks,
        "control_keys": control_keys,
    }
    return _run({**(QUICK if quick else {}), **_given(given)}, folder, json)


def radioactive(
    *,
    scale: Annotated[
        Scale,
        Parameter(
            help="quick: 5,000 images of MNIST, one seed; minutes on two cores. paper: all data "
            "sets, shares and seeds in full; days on a processor."
        ),
    ] = "quick",
    data: DataToMark = (),
    fraction: Shares = (),
    suspects: Suspects = (),
    seeds: Seeds = (),
    examples: ExamplesOption = None,
    epochs: Epochs = None,
    folder: Folder = Path("radioactive"),
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    given: dict[str, object] = {
        "data": data,
        "shares": fraction,
        "suspects": suspects,
        "seeds": seeds,
        "examples": examples,
        "epochs": epochs,
    }
    return _run({**RADIOACTIVE[scale], **_given(given)}, folder, json)


def _given(options: dict[str, object]) -> dict[str, object]:
    # By identity: a 0 is given, and is refused by the settings.
    return {name: value for name, value in options.items() if value is not None and value != ()}


def _run(values: dict[str, object], folder: Path, json: bool) -> int:
    config = settings(AuditConfig, **values)
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
