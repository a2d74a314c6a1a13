"""When a commitment is shown to have existed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509

from radiotracer.files import storage_errors
from radiotracer.provenance.stamps import stamps_beside, time_line


def stamped_at(
    folder: Path, commitment: str, roots: Sequence[x509.Certificate] | None = None
) -> datetime | None:
    """The earliest time by which the stamps beside a commitment show that it existed, UTC.

    Args:
        folder: With ``commitment.json``.
        commitment: Its digest.
        roots: Whose authorities to believe; None: the roots of this system.

    Returns:
        None where nothing that holds shows it.

    Raises:
        InputError: What checks a stamp that is there is not installed.
    """
    if not stamps_beside(folder):
        return None
    return time_line(folder, commitment, roots=roots).earliest


def copy_stamps(prepared: Path, released: Path) -> None:
    """The stamps of a commitment go along with it.

    Raises:
        StorageError: The disk refused.
    """
    for stamp in stamps_beside(prepared):
        header = stamp.path.with_name(f"{stamp.path.name}.header")
        for path in (stamp.path, *([header] if header.is_file() else [])):
            with storage_errors(released):
                shutil.copyfile(path, released / path.name)
