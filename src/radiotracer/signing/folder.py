"""What a folder holds: the SHA-256 of every file below it, and nothing that lies elsewhere."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from radiotracer.errors import InputError, StorageError

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)
"""A file that was replaced by a link or a pipe since it was listed is neither followed nor waited
for. Not every system has all of them."""


def digests(folder: Path, *, but: Collection[str] = ()) -> dict[str, str]:
    """The SHA-256 of every file in a folder and in the folders below it.

    Empty folders, times and permissions of files leave no trace in it.

    Args:
        folder: Must exist.
        but: Relative paths to leave out.

    Returns:
        From relative path, parts separated by ``/``, to 64 hexadecimal digits; sorted by path.

    Raises:
        InputError: There is a link, something that is neither a file nor a folder, or a name that
            UTF-8 cannot hold: it cannot be told what they will be elsewhere.
        StorageError: Something may not be read.
    """
    found = {}
    for name, path in _files(folder):
        if name not in but:
            with ordinary(path) as stream:
                found[name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return dict(sorted(found.items()))


@contextmanager
def ordinary(path: Path) -> Iterator[BufferedReader]:
    """Open an ordinary file to read; nothing else is opened, waited for, or followed to.

    Raises:
        InputError: It is a link, a folder, a pipe, a device, or the like.
        StorageError: It may not be read, or it is not there.
    """
    with _refusals(path):
        _require_plain(path, path.lstat().st_mode)
        with os.fdopen(os.open(path, _FLAGS), "rb") as stream:
            _require_plain(path, os.fstat(stream.fileno()).st_mode)
            yield stream


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(relative path, path) of every file, links and the like included."""
    waiting = [("", folder)]
    while waiting:
        above, here = waiting.pop()
        with _refusals(here), os.scandir(here) as entries:
            for entry in entries:
                name, path = above + entry.name, here / entry.name
                _require_utf8(name, folder)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((f"{name}/", path))
                else:
                    yield name, path


def _require_plain(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise InputError(
            expected=f"an ordinary file at {path}",
            came="a link" if stat.S_ISLNK(mode) else "something else",
            do="put a copy of what it stands for in its place, or take it away",
        )


def _require_utf8(name: str, folder: Path) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(
            expected=f"names in {folder} that UTF-8 can hold",
            came=repr(name[:100]),
            do="rename it",
        ) from None


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            expected=f"to read {path}",
            came=f"a refusal: {error.strerror or type(error).__name__}",
            do="let the user who runs this read all of the folder, and nobody change it meanwhile",
        ) from error
