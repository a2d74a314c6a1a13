"""One review of a scan at a time."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from radiotracer.errors import InputError
from radiotracer.scale.lock import only_one

FILE = "review.lock"


def only_review(folder: Path, address: str) -> AbstractContextManager[None]:
    """Hold the lock of the scan in `folder`; the file says where this review listens.

    Raises:
        InputError: Another process holds it; the line says where that one listens.
        StorageError: The folder cannot be written to.
    """

    def refused(held: str) -> InputError:
        return InputError(
            expected=f"a scan that nobody is reviewing in {folder}",
            came=f"a review of it at {held or 'another address'}",
            do="open that one, or stop it first",
        )

    return only_one(folder / FILE, f"{address} (process {os.getpid()})", refused)
