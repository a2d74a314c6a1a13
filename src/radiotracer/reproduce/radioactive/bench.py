"""The whole benchmark: every cell asked for, one after the other, each kept when it is done."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np

from radiotracer.data import Dataset, open_data
from radiotracer.errors import DataError
from radiotracer.files import require_new_folder, write_text
from radiotracer.reproduce.pairs import PAIRS, pairs
from radiotracer.reproduce.radioactive.cell import run_cell
from radiotracer.reproduce.radioactive.config import AuditConfig
from radiotracer.reproduce.radioactive.result import AuditCell, Place, keep_cell, kept_cell
from radiotracer.reproduce.radioactive.table import markdown

CELLS = "cells"
NETWORKS = "networks"
MARKER = "audit.json"
TABLE_FILE = "table.md"
"""Inside of the output folder."""


def run_audits(
    config: AuditConfig,
    out: Path,
    *,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    report: Callable[[str], None] = lambda _: None,
) -> tuple[AuditCell, ...]:
    """Run every cell that `out` does not hold yet; write the table after each.

    Args:
        config: What to run.
        out: A new folder, or one that holds an earlier benchmark with the same settings. Several
            processes may share one, each with cells of its own.
        progress: Told what is being done, how much of it, and of how many.
        report: Takes a line whenever data are fetched or a cell is done.

    Raises:
        InputError: `out` holds cells of other settings, or other things.
        DataError: Data without a test split.
    """
    require_new_folder(out, marker=MARKER, overwrite=True)
    done: list[AuditCell] = []
    for data in dict.fromkeys(config.data):
        parts = None
        for place in _places(data, config):
            path = out / CELLS / place.file_name
            cell = kept_cell(path, config)
            if cell is None:
                parts = parts or training_and_test(data, config, report)
                write_text(out / MARKER, config.model_dump_json(indent=2) + "\n")
                home = out / NETWORKS / place.file_name.split("_")[0]
                cell = run_cell(place, config, *parts, home, progress=progress)
                keep_cell(cell, config, path)
                report(f"{path.stem}: {_best(cell)}")
            done.append(cell)
            write_text(out / TABLE_FILE, markdown(done, config))
    return tuple(done)


def _places(data: str, config: AuditConfig) -> list[Place]:
    """Cells that share references follow each other."""
    return [
        Place(data, design, share, radius, augment, kind, seed)
        for kind, augment, design, share, radius, seed in product(
            config.suspects,
            config.augment,
            config.designs,
            config.shares,
            config.radii,
            config.seeds,
        )
    ]


def training_and_test(
    data: str, config: AuditConfig, report: Callable[[str], None]
) -> tuple[Dataset, Dataset]:
    """The training examples asked for, and the test split."""
    if data == PAIRS:
        train, test = pairs("train", report=report), pairs("test", report=report)
    else:
        train = open_data(data, report=report)
        if train.validation is None:
            raise DataError(
                expected="data with a test split", came=data, do="pass, say, data=fashion-mnist"
            )
        test = open_data(train.validation, report=report)
    if config.examples is not None and config.examples < len(train):
        drawn = np.random.default_rng(0).choice(len(train), config.examples, replace=False)
        train = train.take(np.sort(drawn))
    return train, test


def _best(cell: AuditCell) -> str:
    return ", ".join(f"{name} log10 p {each.log10_p:.1f}" for name, each in cell.audits.items())
