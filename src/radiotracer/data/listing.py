"""Lists for people with spreadsheets, as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from radiotracer.files import atomic_file


def write_csv(path: Path, rows: Iterable[Sequence[object]], columns: Sequence[str]) -> None:
    """Write rows, atomically; scripts had better read a Parquet file, where there is one.

    A text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    with (
        atomic_file(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([[_cell(value) for value in row] for row in rows])


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "'")) else text
