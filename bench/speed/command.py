"""The command line of the speed comparison."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.keeping import write_json
from bench.presets import over
from bench.speed.bench import run_speed
from bench.speed.config import QUICK, SpeedConfig
from bench.speed.method import Peer
from bench.speed.result import SpeedResult
from bench.speed.table import tables
from radiotracer.cli.console import emit, out, progress

FILE = "speed.json"


def main(
    *,
    config: Annotated[SpeedConfig, Parameter(name="*")] = SpeedConfig(),  # noqa: B008 - frozen
    jobs: tuple[str, ...] = (),
    without: tuple[Peer, ...] = (),
    quick: bool = False,
    folder: Annotated[Path | None, Parameter(name="--out")] = None,
    json: bool = False,
) -> None:
    """Print the tables.

    Args:
        jobs: Among sum, self-influence, pairs, last-layer, transformer-sum,
            transformer-self-influence, transformer-pairs, growth-train, growth-queries,
            growth-parameters; by default all.
        without: Libraries to leave out.
        quick: A narrow network and few examples: minutes.
        folder: Also write speed.json into this folder, after every job.
        json: Print one JSON object instead of text.
    """
    config = over(config, QUICK if quick else {})
    kept = tuple(name for name in config.peers if name not in without)
    config = config.model_copy(update={"peers": kept})

    def keep(result: SpeedResult) -> None:
        write_json(folder and folder / FILE, dataclasses.asdict(result))

    with progress() as reporter:
        result = run_speed(config, jobs, progress=reporter, keep=keep)
    if json:
        emit(dataclasses.asdict(result))
        return
    for table in tables(result):
        out.print(table)
