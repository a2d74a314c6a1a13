"""One process at a time: a lock that the system gives back, even after a crash."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from radiotracer.errors import InputError
from radiotracer.files import storage_errors


@contextmanager
def only_one(path: Path, note: str, refused: Callable[[str], InputError]) -> Iterator[None]:
    """Hold the lock in the file `path`, which is made where it is missing and stays.

    Args:
        path: Of the file; its folder is made, too.
        note: What others are told who find it held.
        refused: From the note of whoever holds it to the error that is raised.

    Raises:
        InputError: Another process holds it.
        StorageError: The folder cannot be written to.
    """
    # Here, because Windows does not have it, and everything else there works.
    import fcntl

    with storage_errors(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise refused(os.pread(descriptor, 200, 0).decode(errors="replace")) from error
        with storage_errors(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note.encode(), 0)
        yield
    finally:
        os.close(descriptor)
