"""What an experiment tracker is told of a scan or an audit, and which files it is given.

Files are named one by one: answers of a suspect give coins away, decisions name people's work, and
what else lies in a folder nobody looked at.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from radiotracer.errors import InputError
from radiotracer.integrations.frames import to_arrow
from radiotracer.provenance.evidence import EVIDENCE_FILE, Evidence
from radiotracer.review.scanned import RANKING, SCORES, SUMMARY, read_scan
from radiotracer.signing.folder import ordinary

PAGE = "report.html"
OF_SCAN = (PAGE, SUMMARY, RANKING, SCORES)
OF_AUDIT = (PAGE, EVIDENCE_FILE)
ROWS = 100
"""Flagged examples in the table that a tracker shows; all of them are in the files."""


@dataclass(frozen=True)
class Logged:
    """Everything that leaves for a tracker.

    Args:
        kind: ``scan`` or ``audit``.
        parameters: What was asked and what was decided, as texts.
        metrics: Finite numbers by name, ``detector/metric`` for those of detectors.
        table: The first flagged examples, or the controls; `table_name` is what it is called.
        files: Ordinary files, each one of `OF_SCAN` or `OF_AUDIT`.
    """

    kind: str
    parameters: dict[str, str]
    metrics: dict[str, float]
    table_name: str
    table: pa.Table
    files: tuple[Path, ...]


def logged(folder: str | os.PathLike[str]) -> Logged:
    """Read what `radiotracer scan` or `radiotracer audit` wrote.

    Raises:
        InputError: It is neither, it is damaged, or one of the files is a link.
    """
    folder = Path(folder)
    if (folder / EVIDENCE_FILE).is_file():
        return _of_audit(folder)
    return _of_scan(folder)


def imported(name: str) -> Any:
    """A tracker's package.

    Raises:
        InputError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            expected=f"{name}, to log to it",
            came="an environment without it",
            do=f"run pip install 'radiotracer[{name}]'",
        ) from error


def _of_scan(folder: Path) -> Logged:
    scanned = read_scan(folder)
    summary = scanned.summary
    names = ("detector", "rule", "run", "data", "validation", "data_digest", "seed", "inconclusive")
    metrics = {"examples": float(len(scanned)), "flagged": float(scanned.is_flagged.sum())}
    for name, row in summary.get("detectors", {}).items():
        metrics |= {
            f"{name}/{key}": float(value) for key, value in row.items() if value is not None
        }
    ranking = to_arrow(folder)
    first = ranking.sort_by("rank").slice(0, min(ROWS, int(scanned.is_flagged.sum())))
    return Logged(
        kind="scan",
        parameters={name: str(summary[name]) for name in names if summary.get(name) is not None},
        metrics=metrics,
        table_name="flagged_examples",
        table=first.select(["rank", "id", "label", "suggested_label", "score", "q_value"]),
        files=_files(folder, OF_SCAN),
    )


def _of_audit(folder: Path) -> Logged:
    evidence = Evidence.read(folder)
    told = {name: getattr(evidence, name) for name in ("verdict", "claim", "access", "alpha")}
    told |= {"suspect": evidence.suspect.name, "design": evidence.protocol.get("design")}
    told |= {"commitment": evidence.commitment, "key_fingerprint": evidence.key}
    return Logged(
        kind="audit",
        parameters={name: str(value) for name, value in told.items()},
        metrics={
            "log10_p_value": evidence.log10_p_value,
            "adjusted_log10_p_value": evidence.adjusted_log10_p_value,
            "deciding_log10_p_value": evidence.deciding_log10_p_value,
            "effect": evidence.effect,
            "coins": float(evidence.coins),
            "audits": float(len(evidence.audits)),
            "queries": float(evidence.suspect.queries),
            "controls_failed": float(sum(not each.passed for each in evidence.controls)),
        },
        table_name="controls",
        table=pa.Table.from_pylist(
            [each.model_dump() for each in evidence.controls],
            schema=pa.schema(
                {
                    "name": pa.string(),
                    "expected": pa.string(),
                    "came": pa.string(),
                    "passed": pa.bool_(),
                }
            ),
        ),
        files=_files(folder, OF_AUDIT),
    )


def _files(folder: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    found = [folder / name for name in names if (folder / name).exists()]
    for path in found:
        with ordinary(path):  # a link could lead to what nobody may see
            pass
    return tuple(found)
