"""What stands out in data, as lists beside a scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radiotracer.data.listing import write_csv
from radiotracer.health.health import Health

NEAR_DUPLICATES_FILE = "near-duplicates.csv"
OUTLIERS_FILE = "outliers.csv"


def write_health(health: Health | None, folder: Path) -> None:
    """Write both lists into a folder that exists; an earlier one of which nothing is left goes.

    `NEAR_DUPLICATES_FILE` has ``group, id, label, similarity, part``, the surest group first;
    `OUTLIERS_FILE` has ``id, label, score``, the farthest first.

    Args:
        health: What stands out; None: nobody looked.
        folder: Where.

    Raises:
        StorageError: The disk refused.
    """
    found = health or Health(())
    copies = [
        (number, each.id, each.label, each.similarity, each.part)
        for number, group in enumerate(found.near_duplicates)
        for each in group
    ]
    _write(folder / NEAR_DUPLICATES_FILE, copies, ("group", "id", "label", "similarity", "part"))
    far = [(each.id, each.label, each.score) for each in found.outliers]
    _write(folder / OUTLIERS_FILE, far, ("id", "label", "score"))


def _write(path: Path, rows: Sequence[tuple[object, ...]], columns: tuple[str, ...]) -> None:
    if rows:
        write_csv(path, rows, columns)
    else:
        path.unlink(missing_ok=True)
