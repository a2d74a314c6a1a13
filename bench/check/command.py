"""The command."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.check.cases import CELLS, PLAIN, Cell
from bench.check.report import told
from bench.check.running import (
    Photographs,
    on_images,
    on_table,
    on_texts,
    rivals_on_images,
    tables,
)
from bench.check.speed import timed
from bench.keeping import finished

Facts = dict[str, dict[int, dict[str, Any]]]
"""By name of the case, and by seed."""

USUAL: tuple[Cell, ...] = tuple(cell for cell in CELLS if cell not in ("all", "speed"))


def main(
    *,
    photos: Path | None = None,
    out: Path = Path("bench-check"),
    cell: tuple[Cell, ...] = USUAL,
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4),
    pair: tuple[str, str] = ("cat", "truck"),
    tables: tuple[Path, ...] = (),
    all: bool = False,
) -> None:
    """Print the tables.

    Args:
        photos: A folder with train/CLASS/*.jpg and test/CLASS/*.jpg; what needs it is left out
            without it.
        out: Keeps what is finished, a JSON file for each case and seed.
        cell: What to measure.
        seeds: Of which examples, of the wrong labels and of the folds.
        pair: Two classes that are also told apart by themselves.
        tables: More tables, as R saves data frames (.rda); they need the package rdata.
        all: Measure all training photographs, too.
    """
    where = Photographs(photos, pair)
    chosen = (*cell, "all") if all and "all" not in cell else cell
    found: dict[Cell, Facts] = {}
    for each in CELLS:
        if each not in chosen:
            continue
        for name, make in jobs(each, where, tables):
            for seed in seeds:
                facts = finished(
                    out / each / f"{name}-seed{seed}.json", functools.partial(make, seed), {}
                )
                found.setdefault(each, {}).setdefault(name, {})[seed] = facts
    print(told(found))


def jobs(
    cell: Cell, where: Photographs, files: tuple[Path, ...]
) -> Iterator[tuple[str, Callable[[int], dict[str, Any]]]]:
    """What a cell measures: names, and functions of the seed."""
    if cell == "texts":
        yield "tf-idf", functools.partial(on_texts, "tf-idf")
        yield "default", functools.partial(on_texts, None)
    elif cell == "tables":
        for name, rows in tables(files).items():
            yield name, functools.partial(on_table, rows)
    elif cell == "speed":
        if where.folder is not None:
            yield "5000", functools.partial(timed, where.folder)
    else:
        run = rivals_on_images if cell == "rivals" else on_images
        for case in PLAIN[cell]:
            if where.folder is not None or case.pool in ("mnist", "fashion-mnist"):
                yield case.name, functools.partial(run, case, where)
