"""One process at a time: a lock that the system gives back, even after a crash."""

from __future__ import annotations

import contextlib
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

    while True:
        descriptor = _opened(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            held = os.pread(descriptor, 200, 0).decode(errors="replace")
            os.close(descriptor)
            raise refused(held) from error
        if _is(descriptor, path):
            break
        # Whoever held it removed the file meanwhile: others would lock a new one.
        os.close(descriptor)
    try:
        with storage_errors(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, note.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    with storage_errors(path.parent):
        for _ in range(100):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Whoever is at the end of its work may have removed the folder meanwhile.
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _is(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
