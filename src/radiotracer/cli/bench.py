"""``radiotracer bench``: measure speed against other libraries, and what detectors find."""

from __future__ import annotations

import dataclasses
import json as json_text
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench import detect as detection
from bench.speed import PEERS, QUICK, Peer, SpeedConfig, SpeedResult, run_speed, tables
from radiotracer.cli.console import emit, err, out, progress, settings
from radiotracer.cli.options import Json
from radiotracer.files import write_text
from radiotracer.training.config import Architecture

FILE = "speed.json"


def speed(
    *,
    job: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Only this job; may be given again. One of sum, self-influence, pairs, "
            "last-layer, transformer-sum, transformer-self-influence, transformer-pairs, "
            "growth-train, growth-queries, growth-parameters.",
        ),
    ] = (),
    quick: Annotated[
        bool,
        Parameter(
            negative="", show_default=False, help="A narrow network and few examples: minutes."
        ),
    ] = False,
    train: Annotated[
        int | None, Parameter(help="Training examples of every job; by default 2,000.")
    ] = None,
    queries: Annotated[
        int | None, Parameter(help="Queries of Algorithm 1; by default 1,000.")
    ] = None,
    pair_queries: Annotated[
        int | None, Parameter(help="Queries where every pair is scored; by default 100.")
    ] = None,
    width: Annotated[
        int | None,
        Parameter(
            help="Channels of the ResNet-18's first stage; by default 64, the standard network."
        ),
    ] = None,
    checkpoints: Annotated[int | None, Parameter(help="Checkpoints; by default 5.")] = None,
    rounds: Annotated[
        int | None, Parameter(help="Paired runs that medians are taken of; by default 5.")
    ] = None,
    part: Annotated[
        int | None,
        Parameter(help="Training examples that slow methods are measured on; by default 64."),
    ] = None,
    part_queries: Annotated[
        int | None, Parameter(help="Queries that slow methods are measured on; by default 32.")
    ] = None,
    gradient_memory: Annotated[
        float | None,
        Parameter(help="GiB that another library's gradients may fill; by default 4."),
    ] = None,
    growth_width: Annotated[
        int | None,
        Parameter(help="Channels of the first stage while examples grow; by default 16."),
    ] = None,
    without: Annotated[
        tuple[Peer, ...],
        Parameter(
            negative="",
            show_default=False,
            show_choices=False,
            help="Leave captum or dattri out; may be given again.",
        ),
    ] = (),
    folder: Annotated[
        Path | None,
        Parameter(name="--out", help="Also write speed.json into this folder, after every job."),
    ] = None,
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    given = {
        "train": train,
        "queries": queries,
        "pair_queries": pair_queries,
        "width": width,
        "checkpoints": checkpoints,
        "rounds": rounds,
        "part": part,
        "part_queries": part_queries,
        "gradient_memory": gradient_memory,
        "growth_width": growth_width,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    kept = tuple(name for name in PEERS if name not in without)
    config = settings(SpeedConfig, **{**(QUICK if quick else {}), **chosen, "peers": kept})

    def keep(result: SpeedResult) -> None:
        if folder is not None:
            text = json_text.dumps(dataclasses.asdict(result), indent=2)
            write_text(folder / FILE, text + "\n")

    with progress() as reporter:
        result = run_speed(config, job, progress=reporter, keep=keep)
    if json:
        emit(dataclasses.asdict(result))
        return 0
    for table in tables(result):
        out.print(table)
    return 0


def detect(
    *,
    data: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Training data that have a test split; may be given again. By default mnist and "
            "fashion-mnist.",
        ),
    ] = (),
    recipe: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Only this recipe; may be given again. Development: "
            f"{', '.join(detection.DEVELOPMENT)}. Held out: {', '.join(detection.HELD_OUT)}.",
        ),
    ] = (),
    detector: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Only this detector, besides the default one and the baselines; may be given "
            "again.",
        ),
    ] = (),
    protocol: Annotated[
        tuple[detection.Protocol, ...],
        Parameter(
            negative="",
            show_default=False,
            help="Only victims that train so; may be given again.",
        ),
    ] = (),
    seed: Annotated[
        tuple[int, ...],
        Parameter(
            negative="", show_default=False, help="May be given again; by default 0, 1 and 2."
        ),
    ] = (),
    model: Annotated[
        Architecture | None,
        Parameter(help="The victim; by default resnet18.", show_choices=False, show_default=False),
    ] = None,
    width: Annotated[
        int | None,
        Parameter(help="Channels of the victim's first stage; by default 16."),
    ] = None,
    examples: Annotated[
        int | None, Parameter(help="Training examples of the victim; by default 5,000.")
    ] = None,
    epochs: Annotated[
        int | None, Parameter(help="Passes of trainings from scratch; by default 5.")
    ] = None,
    poisons: Annotated[
        int | None, Parameter(help="Images that attacks on one target change; by default 50.")
    ] = None,
    near_base: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Attacks on one target want it taken for its second most likely class.",
        ),
    ] = False,
    class_size: Annotated[
        int | None,
        Parameter(help="Cut the class of every target to so many training examples."),
    ] = None,
    last_only: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Detectors see the last checkpoint alone, as of somebody else's model.",
        ),
    ] = False,
    without_repair: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Do not train victims again without the suspects: saves three trainings.",
        ),
    ] = False,
    quick: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="MNIST alone, seed 0, shorter trainings: minutes.",
        ),
    ] = False,
    folder: Annotated[
        Path,
        Parameter(name="--out", help="Folder to write; what is finished there is not done again."),
    ] = Path("bench-detect"),
    json: Json = False,
) -> int:
    """Run the command; return its exit status."""
    given: dict[str, object] = {
        "data": data,
        "recipes": recipe,
        "detectors": detector,
        "protocols": protocol,
        "seeds": seed,
        "model": model,
        "width": width,
        "examples": examples,
        "scratch_epochs": epochs,
        "poisons": poisons,
        "near_base": near_base,
        "class_size": class_size,
        "last_only": last_only,
    }
    # By identity: a 0 is given, and is refused by the settings.
    chosen = {
        name: value
        for name, value in given.items()
        if value is not None and value is not False and value != ()
    }
    chosen["repair"] = not without_repair
    config = settings(detection.DetectConfig, **{**(detection.QUICK if quick else {}), **chosen})
    with progress() as reporter:
        cells = detection.run_detect(config, folder, progress=reporter, report=err.print)
    if json:
        emit(
            {
                "settings": config.model_dump(mode="json"),
                "cells": [cell.model_dump(mode="json") for cell in cells],
            }
        )
        return 0
    for table in detection.tables(cells):
        out.print(table)
    out.print()
    out.print(f"every metric  {folder / detection.TABLE_FILE}")
    out.print(f"figure        {folder / detection.FIGURE_FILE}")
    return 0
