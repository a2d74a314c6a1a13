"""One review of a scan at a time: a lock that the system gives back, even after a crash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radiotracer.errors import InputError
from radiotracer.files import storage_errors

FILE = "review.lock"


@contextmanager
def only_review(folder: Path, address: str) -> Iterator[None]:
    """Hold the lock of the scan in `folder`; the file says where this review listens.

    Raises:
        InputError: Another process holds it; the line says where that one listens.
        StorageError: The folder cannot be written to.
    """
    # Here, because Windows does not have it, and everything else there works.
    import fcntl

    path = folder / FILE
    with storage_errors(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held = os.pread(descriptor, 200, 0).decode(errors="replace") or "another address"
            raise InputError(
                expected=f"a scan that nobody is reviewing in {folder}",
                came=f"a review of it at {held}",
                do="open that one, or stop it first",
            ) from error
        with storage_errors(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{address} (process {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)
