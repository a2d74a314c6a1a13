"""Data that lie elsewhere: fetched once through fsspec, and known by the digests of their files."""

from __future__ import annotations

import contextlib
import datetime
import errno
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from radiotracer.data.cache import cache_folder
from radiotracer.errors import DataError, StorageError
from radiotracer.files import atomic_folder, write_text

LISTED = "remote.json"
"""What was fetched: written last, so that it vouches for the files beside it."""

FILES = "files"

MOST_FILES = 5_000_000

_SCHEME = re.compile(r"([a-z][a-z0-9+]{1,9})://", re.IGNORECASE)
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_NOT_FOUND = 404
_SINGLE = ("http", "https")
_PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface-hub"}


def is_remote(text: str) -> bool:
    """Whether a DATA argument is an address, such as ``s3://bucket/photos``."""
    return _SCHEME.match(text) is not None


def fetched(
    address: str, report: Callable[[str], None] | None = None, *, anew: bool = False
) -> Path:
    """Where the files of an address lie on this machine; they are fetched if they do not yet.

    What was fetched before is used without asking again, once its digests are right.

    Args:
        address: A file (``https://…/data.csv``) or a folder (``s3://bucket/photos``,
            ``hf://datasets/owner/name``) that fsspec reaches. What a query says, and passwords, are
            used and never kept.
        report: Told what is fetched.
        anew: Fetch it again, whatever is here.

    Returns:
        A file or a folder, called like the last part of the address.

    Raises:
        DataError: It cannot be reached, there is nothing, or a package is missing.
        StorageError: The disk refused.
    """
    shown = without_secrets(address)
    place = cache_folder() / "remote" / hashlib.sha256(shown.encode()).hexdigest()[:24]
    if not anew and (known := _known(place)) is not None:
        return known
    name = PurePosixPath(urlsplit(shown).path.rstrip("/") or urlsplit(shown).netloc).name or "data"
    with atomic_folder(place, marker=LISTED, overwrite=True) as folder:
        top = folder / FILES / name
        files = []
        with _reached(address, shown) as (system, root):
            found = list(_files(system, root, shown))
            size = sum(bytes for _, _, bytes in found)
            if report is not None:
                report(f"fetching {len(found):,} files of {size / 1e6:,.1f} MB from {shown}")
            for remote, within, _ in found:
                to = top / within if within else top
                to.parent.mkdir(parents=True, exist_ok=True)
                system.get_file(remote, str(to))
                files.append({"path": to.relative_to(folder).as_posix(), "sha256": _digest(to)})
        described = {
            "address": shown,
            "name": name,
            "fetched": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "files": files,
        }
        write_text(folder / LISTED, json.dumps(described, indent=1) + "\n")
    return place / FILES / name


def without_secrets(address: str) -> str:
    """An address without what a query says, and without a password."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _known(place: Path) -> Path | None:
    """What was fetched before, unless a file of it is not what it was."""
    try:
        described = json.loads((place / LISTED).read_bytes())
        for each in described["files"]:
            if _digest(place / each["path"]) != each["sha256"]:
                return None
        found = place / FILES / described["name"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if found.exists() else None


def _files(system: Any, root: str, shown: str) -> Iterator[tuple[str, str, int]]:
    """Every file with its path from the root, ``""`` for the root itself, and its bytes."""
    scheme = _SCHEME.match(shown)
    if (scheme and scheme[1].lower() in _SINGLE) or system.isfile(root):
        yield root, "", int(system.info(root).get("size") or 0)
        return
    every = system.find(root, detail=True)
    if not every:
        raise FileNotFoundError(shown)
    if len(every) > MOST_FILES:
        raise DataError(
            expected=f"at most {MOST_FILES:,} files", came=f"{len(every):,}", do="name fewer"
        )
    top = PurePosixPath(root.rstrip("/"))
    for path, info in sorted(every.items()):
        within = PurePosixPath(path).relative_to(top)
        if ".." in within.parts or within.is_absolute():
            raise DataError(
                expected=f"files within {shown}", came=str(within), do="name another folder"
            )
        yield path, within.as_posix(), int(info.get("size") or 0)


@contextlib.contextmanager
def _reached(address: str, shown: str) -> Iterator[tuple[Any, str]]:
    """The file system of an address, and the path in it; what it raises becomes one line."""
    scheme = urlsplit(shown).scheme
    try:
        import fsspec

        system, root = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        package = _PACKAGES.get(scheme, "aiohttp")
        raise DataError(
            expected=f"the package that reads {scheme}://",
            came="none" if isinstance(error, ImportError) else str(error)[:80],
            do=f"pip install 'radiotracer[remote]' {package}, or download {shown}",
        ) from error
    try:
        yield system, str(root)
    except (DataError, StorageError):
        raise
    except Exception as error:  # every store has errors of its own
        if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
            raise
        # A server that does not answer is told as a file that is not there, too.
        why = error.__cause__ if isinstance(error, FileNotFoundError) else error
        if why is None or getattr(why, "status", None) == _NOT_FOUND:
            raise DataError(
                expected=f"data at {shown}", came="nothing there", do="check the address"
            ) from error
        raise DataError(
            expected=f"to reach {shown}",
            came=f"{type(why).__name__}: {' '.join(str(why).split())[:80]}",
            do="check the address, the credentials and the network",
        ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
