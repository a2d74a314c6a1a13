"""A folder for whole files: on a disk, or wherever fsspec reaches."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from radiotracer.errors import InputError, StorageError
from radiotracer.files import atomic_file, storage_errors

LOCKS = ".lock"
OURS = (".json", ".safetensors", LOCKS, ".partial")
"""What the files are called that are written here: the folder may hold those of others, too."""

BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci"})
"""Stores without folders, where to make one may make a bucket of a name that was mistyped."""


class Place:
    """Files by name in one folder, each whole or not there at all. Can be pickled.

    Args:
        folder: A path, or a URL that fsspec knows, such as ``s3://bucket/scan`` or
            ``memory://scan``. On a disk the folder is closed to other users.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)

    def __str__(self) -> str:
        """The folder as it was given."""
        return self.folder

    @property
    def path(self) -> Path | None:
        """The folder, if it is one on a disk."""
        return None if "://" in self.folder else Path(self.folder)

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where there is none."""
        try:
            if self.path is not None:
                return (self.path / name).read_bytes()
            with self._reached() as (system, root):
                # What others wrote since the last listing would not be there, or be cut short.
                system.invalidate_cache()
                return bytes(system.cat_file(f"{root}/{name}"))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, or replace it.

        Raises:
            StorageError: The disk or the store refused.
        """
        if self.path is not None:
            with storage_errors(self.path):
                self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with atomic_file(self.path / name) as temporary:
                temporary.write_bytes(content)
            return
        # Object stores show an object when all of it is there.
        try:
            with self._reached() as (system, root):
                if not BUCKETS.intersection(_protocols(system)):
                    system.makedirs(root, exist_ok=True)
                system.pipe_file(f"{root}/{name}", content)
        except FileNotFoundError as error:
            raise StorageError(
                expected=f"to write to {self.folder}",
                came=f"a bucket that is not there ({str(error)[:200]})",
                do="check its name, or make it",
            ) from error

    def names(self) -> list[str]:
        """The names of the files that are there."""
        if self.path is not None:
            return sorted(p.name for p in self.path.iterdir()) if self.path.is_dir() else []
        with self._reached() as (system, root):
            # What other machines wrote meanwhile is not in the listing that is kept here.
            system.invalidate_cache()
            found = system.ls(root, detail=False) if system.isdir(root) else []
            return sorted(each.rsplit("/", 1)[-1] for each in found)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if self.path is not None:
                with storage_errors(self.path):
                    (self.path / name).unlink()
            else:
                with self._reached() as (system, root):
                    system.rm_file(f"{root}/{name}")

    def clear(self, *, locks: bool = True) -> None:
        """Remove the files that `write` can have made, and the folder if it is empty then.

        Args:
            locks: Whether locks are removed, too: as the last ones, when all else is gone.
        """
        ours = [name for name in self.names() if name.endswith(OURS)]
        for name in sorted(ours, key=lambda each: (each.endswith(LOCKS), each)):
            if locks or not name.endswith(LOCKS):
                self.remove(name)
        if self.path is not None:
            with contextlib.suppress(OSError):  # something else is in it, or it is not there
                self.path.rmdir()

    @contextlib.contextmanager
    def _reached(self) -> Any:
        """The file system and the folder in it; what it raises becomes one line."""
        import fsspec

        try:
            yield fsspec.core.url_to_fs(self.folder)
        except FileNotFoundError:
            raise
        except ImportError as error:
            raise InputError(
                expected=f"the package that opens {self.folder}",
                came=str(error),
                do="install it, for example with pip install s3fs",
            ) from error
        except Exception as error:  # every store has errors of its own
            raise StorageError(
                expected=f"to reach {self.folder}",
                came=f"{type(error).__name__}: {str(error)[:200]}",
                do="check the address, the credentials and the network, then try again",
            ) from error


def _protocols(system: Any) -> frozenset[str]:
    named = system.protocol
    return frozenset([named] if isinstance(named, str) else named)
