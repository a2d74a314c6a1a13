"""When a commitment is shown to have existed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path


def stamped_at(folder: Path) -> datetime | None:
    """The earliest time at which the commitment in a folder is shown to have existed, UTC.

    None where nothing shows one.
    """
    return None


def copy_stamps(prepared: Path, released: Path) -> None:
    """What shows when a commitment existed goes along with it."""
