"""Files that lines are only ever added to: one writer at a time, each line whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from radiotracer.files import storage_errors


@dataclass(frozen=True, eq=False)
class Appended:
    """Such a file while nobody else writes to it.

    Args:
        path: Of the file.
        content: What was there.
        stream: Open for adding.
    """

    path: Path
    content: bytes
    stream: BinaryIO

    def add(self, line: bytes) -> None:
        """Add a line, without its line feed; a last line that broke off makes room for it.

        It is on the disk, whole, when this returns.

        Raises:
            OSError: The disk refused; whole lines are as they were.
        """
        self.stream.seek(0, os.SEEK_END)
        # What broke off can only be at the end of what was there, and goes with the first line.
        broken = len(self.content) - (self.content.rfind(b"\n") + 1)
        whole = self.stream.tell()
        if broken and whole == len(self.content):
            whole -= broken
            self.stream.truncate(whole)
        try:
            self.stream.write(line + b"\n")
            self.stream.flush()
            os.fsync(self.stream.fileno())
        except OSError:
            os.truncate(self.path, whole)
            raise


@contextlib.contextmanager
def appending(path: Path) -> Iterator[Appended]:
    """Hold the file `path`, which is made where it is missing; others wait for their turn.

    Raises:
        StorageError: The disk refused.
    """
    with storage_errors(path), path.open("a+b") as stream, _alone(stream):
        stream.seek(0)
        yield Appended(path, stream.read(), stream)


@contextlib.contextmanager
def _alone(stream: BinaryIO) -> Iterator[None]:
    """One writer at a time, where the system has locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    # File systems without locks exist; two writers in the same instant there are unlikely.
    with contextlib.suppress(OSError):
        fcntl.flock(stream, fcntl.LOCK_EX)
    yield
