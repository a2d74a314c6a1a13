"""A folder for whole files: on a disk, or wherever fsspec reaches."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from radiotracer.errors import InputError, StorageError
from radiotracer.files import atomic_file, storage_errors

OURS = (".json", ".safetensors", ".lock", ".partial")
"""What the files are called that are written here: the folder may hold those of others, too."""


class Place:
    """Files by name in one folder, each whole or not there at all. Can be pickled.

    Args:
        folder: A path, or a URL that fsspec knows, such as ``s3://bucket/scan`` or
            ``memory://scan``. On a disk the folder is closed to other users.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = str(folder)

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
        with self._reached() as (system, root):
            system.makedirs(root, exist_ok=True)
            system.pipe_file(f"{root}/{name}", content)

    def names(self) -> list[str]:
        """The names of the files that are there."""
        if self.path is not None:
            return sorted(p.name for p in self.path.iterdir()) if self.path.is_dir() else []
        with self._reached() as (system, root):
            # What other machines wrote meanwhile is not in the listing that is kept here.
            system.invalidate_cache()
            found = system.ls(root, detail=False) if system.isdir(root) else []
            return sorted(each.rsplit("/", 1)[-1] for each in found)

    def clear(self) -> None:
        """Remove the files that `write` can have made, and the folder if it is empty then."""
        for name in self.names():
            if not name.endswith(OURS):
                continue
            if self.path is not None:
                (self.path / name).unlink(missing_ok=True)
            else:
                with self._reached() as (system, root):
                    system.rm_file(f"{root}/{name}")
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
