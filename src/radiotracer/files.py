"""Files appear whole or not at all: everything that radiotracer writes goes through here."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from radiotracer.errors import InputError, StorageError

_REFUSALS = {
    errno.ENOSPC: "no space is left",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file size limit is reached",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission was denied",
    errno.EPERM: "permission was denied",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "a part of the path is a file",
    errno.EBUSY: "the folder is in use or a mount point",
}


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the disk's refusals into a one-line `StorageError` that names the path."""
    try:
        yield
    except OSError as error:
        reason = _REFUSALS.get(error.errno or 0)
        if reason is None:
            raise
        raise StorageError(
            expected=f"to write {path}",
            came=f"a refusal: {reason}",
            do="nothing was left half-written; free space or choose another folder, then try again",
        ) from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, on failure it vanishes.

    The bytes are flushed to the disk before the rename, so that a crash leaves either the old file
    or the new one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with storage_errors(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a small text file atomically, in UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def empty_folder(path: Path) -> None:
    """Make the folder, or empty it; it stays itself: it may be a mount point or a link."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        for child in path.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            else:
                child.unlink()


@contextlib.contextmanager
def atomic_folder(path: Path, *, marker: str, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; on success it becomes `path`.

    Args:
        path: The folder to make.
        marker: A file that folders of this kind hold. An existing folder is only ever replaced
            when it is empty or, with `overwrite`, when it holds this file.
        overwrite: Replace an earlier folder of the same kind.

    Raises:
        InputError: `path` exists and must not be replaced.
        StorageError: The disk refused; the temporary folder is gone and `path` is as it was.
    """
    require_new_folder(path, marker=marker, overwrite=overwrite)
    with storage_errors(path):
        path = path.resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(
            tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        )
        try:
            temporary.chmod(0o755)
            with _named_after(path, temporary):
                yield temporary
            old = temporary.with_suffix(".old")
            if path.exists():
                path.rename(old)
            try:
                temporary.rename(path)
            except BaseException:
                if old.exists():
                    old.rename(path)
                raise
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _named_after(path: Path, temporary: Path) -> Iterator[None]:
    """Refusals within the temporary folder name the one that it was to become."""
    try:
        yield
    except StorageError as error:
        named = error.expected.replace(str(temporary), str(path))
        raise StorageError(expected=named, came=error.came, do=error.do) from error


def remove_partial(path: Path) -> None:
    """Remove what `atomic_folder` of `path` left beside it when its process was killed.

    Only where no other process can be making `path` at the moment.
    """
    path = path.resolve()
    # As tempfile makes them: eight letters, digits or underscores.
    for other in path.parent.glob(f".{glob.escape(path.name)}.????????.partial"):
        shutil.rmtree(other, ignore_errors=True)


def require_new_folder(path: Path, *, marker: str, overwrite: bool = False) -> None:
    """Raise `InputError` unless `path` may be made (or, with `overwrite`, made anew)."""
    file = next((parent for parent in path.parents if parent.is_file()), None)
    if file is not None:
        raise InputError(
            expected=f"a folder to make {path.name} in",
            came=f"the file {file}",
            do="choose another out=",
        )
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(
            expected="a folder to write to", came=f"the file {path}", do="choose another out="
        )
    if not any(path.iterdir()):
        return
    if not (path / marker).is_file():
        raise InputError(
            expected=f"a new folder, or one that holds {marker}",
            came=f"{path}, which holds other things",
            do="choose another out=",
        )
    if not overwrite:
        raise InputError(
            expected="a new folder",
            came=f"{path}, which already holds {marker}",
            do="choose another out=, or pass overwrite=True to replace it",
        )
