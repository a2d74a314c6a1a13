"""The command line of the detection benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from bench.detect.bench import FIGURE_FILE, TABLE_FILE, run_detect
from bench.detect.config import QUICK, DetectConfig
from bench.detect.table import tables
from bench.presets import emit_cells, over
from radiotracer.cli.console import err, out, progress


def main(
    *,
    config: Annotated[DetectConfig, Parameter(name="*")] = DetectConfig(),  # noqa: B008 - frozen
    quick: bool = False,
    folder: Annotated[Path, Parameter(name="--out")] = Path("bench-detect"),
    json: bool = False,
) -> None:
    """Print the tables.

    Args:
        quick: MNIST alone, seed 0, shorter trainings: minutes.
        folder: What is finished there is not done again.
        json: Print one JSON object instead of text.
    """
    config = over(config, QUICK if quick else {})
    with progress() as reporter:
        cells = run_detect(config, folder, progress=reporter, report=err.print)
    if json:
        emit_cells(config, cells)
        return
    for table in tables(cells):
        out.print(table)
    out.print()
    out.print(f"every metric  {folder / TABLE_FILE}")
    out.print(f"figure        {folder / FIGURE_FILE}")
