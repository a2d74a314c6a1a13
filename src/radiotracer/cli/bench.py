"""``radiotracer bench``: measure radiotracer against other libraries."""

from __future__ import annotations

import dataclasses
import json as json_text
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.console import emit, out, progress, settings
from radiotracer.cli.options import Json
from radiotracer.files import write_text
from radiotracer.lab.speed import PEERS, QUICK, Peer, SpeedConfig, SpeedResult, run_speed, tables

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
