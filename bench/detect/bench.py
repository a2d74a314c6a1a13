"""The whole benchmark: every cell asked for, one after the other, each kept when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from bench.detect.cell import run_cell
from bench.detect.config import DetectConfig
from bench.detect.figure import figure
from bench.detect.ground import ground_of, parts_of
from bench.detect.markdown import markdown
from bench.detect.result import Cell, Place, keep_cell, kept_cell
from radiotracer.detectors import DETECTORS
from radiotracer.errors import InputError
from radiotracer.files import require_new_folder, write_text
from radiotracer.scanning import Progress

CELLS = "cells"
NETWORKS = "networks"
MARKER = "detect.json"
TABLE_FILE = "table.md"
FIGURE_FILE = "figure.svg"
"""Inside of the output folder."""


def run_detect(
    config: DetectConfig,
    out: Path,
    *,
    progress: Progress = lambda *_: None,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[Cell, ...]:
    """Run every cell that `out` does not hold yet; write the table and the figure after each.

    ``out/cells/`` has one JSON per cell; ``out/networks/`` what cells share (extractors and clean
    networks); ``table.md`` and ``figure.svg`` tell of the cells asked
    for that are done so far.

    Args:
        config: What to run.
        out: A new folder, or one that holds an earlier benchmark with the same settings.
        progress: Told how many cells are done.
        report: Takes a line whenever data are fetched or a cell is done.

    Raises:
        InputError: An unknown detector; `out` holds cells of other settings, or other things.
        DataError: Data that cannot be used.
    """
    for name in config.detectors:
        if name not in DETECTORS:
            raise InputError(
                expected=f"a detector ({', '.join(DETECTORS)})",
                came=repr(name),
                do="check the spelling",
            )
    require_new_folder(out, marker=MARKER, overwrite=True)
    places = list(_places(config))
    done = {}
    for place in places:
        cell = kept_cell(out / CELLS / place.file_name, config)
        if cell is not None:
            done[place] = cell
    missing = [place for place in places if place not in done]
    last = None
    for place in missing:
        shared = (place.data, place.protocol, place.seed)
        if shared != last:
            parts = parts_of(place.data, config, place.seed, report)
            write_text(out / MARKER, config.model_dump_json(indent=2) + "\n")
            home = out / NETWORKS / f"{place.data_name}-{place.seed}"
            ground = ground_of(parts, config, place.protocol, seed=place.seed, folder=home)
            last = shared
        cell = run_cell(place, ground, config)
        keep_cell(cell, config, out / CELLS / place.file_name)
        done[place] = cell
        at = f"{place.data}, {place.protocol}, {place.recipe}, seed {place.seed}"
        report(f"{at}: {cell.outcome}")
        progress("cells", len(done), len(places))
        _tell([done[each] for each in places if each in done], config, out)
    cells = tuple(done[place] for place in places)
    _tell(cells, config, out)
    return cells


def _places(config: DetectConfig) -> Iterator[Place]:
    """Cells that share trainings follow each other."""
    for data in dict.fromkeys(config.data):
        for seed in dict.fromkeys(config.seeds):
            for protocol in dict.fromkeys(config.protocols):
                for recipe in dict.fromkeys(config.recipes):
                    yield Place(data, protocol, recipe, seed)


def _tell(cells: list[Cell] | tuple[Cell, ...], config: DetectConfig, out: Path) -> None:
    write_text(out / TABLE_FILE, markdown(cells, config))
    write_text(out / FIGURE_FILE, figure(cells))
