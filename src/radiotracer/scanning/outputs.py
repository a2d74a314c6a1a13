"""A finished scan as files: ranking.parquet, scores.parquet, summary.json, report.html."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from radiotracer.data.account import write_duplicates, write_left_out
from radiotracer.digested import digested
from radiotracer.files import atomic_file, atomic_folder, write_text
from radiotracer.health import write_health
from radiotracer.scanning.provenance import reading_of, source_of
from radiotracer.scanning.result import Scan
from radiotracer.views import page_of

RANKING_FILE = "ranking.parquet"
SUMMARY_FILE = "summary.json"
REPORT_FILE = "report.html"

SCHEMA_VERSION = 1
"""Of summary.json; it grows when a key changes its meaning or goes."""

GROUP = 1 << 16
"""Rows of a table that are made at once: texts take hundreds of bytes a row on their way."""


def write_scan(
    scan: Scan, out: str | os.PathLike[str], *, command: str = "", overwrite: bool = False
) -> dict[str, Any]:
    """Write a scan into a new folder, whole or not at all; return what summary.json holds.

    ``ranking.parquet`` has every example, most suspicious first: ``id, label, score, rank,
    p_value, q_value, probability, is_flagged, suggested_label, is_reference`` (p- and q-values are
    null where there are none, or an example was not asked about, as no reference example is; the
    probability that an example was tampered with, where the deciding detector estimates none;
    labels, where there are no classes).
    ``scores.parquet`` has every detector's score, in the order of the data. ``left-out.csv``
    (part, path, reason) has what could not be read, and ``duplicates.csv`` (kind, group, part, id,
    label) the examples that are the same byte for byte under different labels, or in both parts.
    Where features are known, ``near-duplicates.csv`` (group, id, label, similarity, part) has those
    that are nearly the same, and ``outliers.csv`` (id, label, score) what is unlike all others.
    What a review needs beside the data and is nowhere else lies in the file that ``source.kept`` of
    ``summary.json`` names.

    Args:
        scan: The scan.
        out: A new folder.
        command: What the user typed, for the report; nothing is said of it where it is empty.
        overwrite: Replace an earlier scan in `out`.
    """
    with atomic_folder(Path(out), marker=SUMMARY_FILE, overwrite=overwrite) as folder:
        return write_scan_files(scan, folder, command=command)


def write_scan_files(scan: Scan, folder: Path, *, command: str = "") -> dict[str, Any]:
    """The same into a folder that exists: each file whole, ``summary.json`` last."""
    summary = summarise(scan)
    _write(_ranking(scan), folder / RANKING_FILE)
    _write(_scores(scan), folder / "scores.parquet")
    if scan.account is not None:
        write_left_out(scan.account, folder)
        write_duplicates(scan.account, folder)
    write_health(scan.health, folder)
    scan.source.keep(folder)
    write_text(folder / REPORT_FILE, page_of(scan, command=command))
    write_text(folder / SUMMARY_FILE, digested(summary))
    return summary


def summarise(scan: Scan) -> dict[str, Any]:
    """The contents of summary.json; metric keys only where a manifest says what is true."""
    detectors = {}
    for name in scan.rankings:
        row: dict[str, float | None] = {}
        quality = scan.quality(name)
        if quality is not None:
            ranked, decided = quality
            row = {
                "auroc": ranked.auroc,
                "auprc": ranked.auprc,
                "tpr_at_fpr_0.01": ranked.tpr_at_fpr_01,
                "tpr_at_fpr_0.001": ranked.tpr_at_fpr_001,
                "precision": decided.precision,
                "recall": decided.recall,
                "false_positive_rate": decided.false_positive_rate,
            }
        detectors[name] = {**row, "seconds": round(scan.seconds[name], 3)}
    return {
        "schema_version": SCHEMA_VERSION,
        "examples": len(scan.scores),
        "flagged": int(scan.decision.is_flagged.sum()),
        "detector": scan.detector,
        "rule": scan.decision.words,
        "inconclusive": scan.decision.inconclusive,
        "seed": scan.seed,
        "run": None if scan.source.run_folder is None else str(scan.source.run_folder),
        "source": {name: getattr(scan.source, name) for name in ("kind", "words", "kept")},
        "data": source_of(scan.train),
        "reading": reading_of(scan.train),
        "validation": source_of(scan.validation),
        "data_digest": scan.identity.digest,
        "read": None if scan.account is None else scan.account.as_json(),
        "grounds": None if scan.grounds is None else scan.grounds.as_json(scan.class_names),
        "expected_wrong": {
            "first_20": _rounded(scan.expected_wrong(20)),
            "first_100": _rounded(scan.expected_wrong(100)),
            "list": _rounded(scan.expected_wrong(int(scan.decision.is_flagged.sum()))),
        },
        "health": None if scan.health is None else scan.health.as_json(),
        "left_out": dict(scan.left_out),
        "notes": [*scan.source.notes, *scan.warnings],
        "precision": {name: dataclasses.asdict(each) for name, each in scan.rounding.items()},
        "detectors": detectors,
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _ranking(scan: Scan) -> Iterator[pa.Table]:
    ranked = np.argsort(scan.decision.ranks)
    is_reference = np.zeros(len(ranked), dtype=bool)
    if scan.clean_reference is not None:
        is_reference[scan.clean_reference.rows] = True
    for start in range(0, max(1, len(ranked)), GROUP):
        order = ranked[start : start + GROUP]
        yield pa.table(
            {
                "id": scan.identity.ids[order],
                "label": pa.array(scan.labels_of(order), pa.string()),
                "score": scan.scores[order],
                "rank": scan.decision.ranks[order],
                "p_value": _or_nulls(scan.decision.p_values, order),
                "q_value": _or_nulls(scan.decision.q_values, order),
                "probability": _or_nulls(scan.rankings[scan.detector].posteriors, order),
                "is_flagged": scan.decision.is_flagged[order],
                "suggested_label": pa.array(scan.suggested_of(order), pa.string()),
                "is_reference": is_reference[order],
            }
        )


def _or_nulls(values: NDArray[np.float64] | None, order: NDArray[np.int64]) -> pa.Array:
    return (
        pa.nulls(len(order), pa.float64())
        if values is None
        else pa.array(values[order], from_pandas=True)
    )


def _scores(scan: Scan) -> Iterator[pa.Table]:
    for start in range(0, max(1, len(scan.scores)), GROUP):
        rows = slice(start, start + GROUP)
        columns: dict[str, Any] = {"id": scan.identity.ids[rows]}
        columns |= {name: ranking.scores[rows] for name, ranking in scan.rankings.items()}
        yield pa.table(columns)


def _write(tables: Iterator[pa.Table], path: Path) -> None:
    first = next(tables)
    with (
        atomic_file(path) as temporary,
        pq.ParquetWriter(temporary, first.schema, compression="zstd") as writer,
    ):
        for table in itertools.chain([first], tables):
            writer.write_table(table)
