"""Files of secret keys: for their owner alone, never replaced, none taken for another kind."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from radiotracer.errors import InputError, StorageError
from radiotracer.files import atomic_file

_MOST_BYTES = 4096
"""A key file is far smaller."""


@dataclass(frozen=True)
class KeyKind:
    """What a key is for. Each file says it, so that no key is used for another purpose.

    Args:
        kind: As the file says it, under ``kind``.
        called: For people, with its article.
        made_by: The command that makes one.
    """

    kind: str
    called: str
    made_by: str


MARK_KEY = KeyKind("radiotracer key", "a key", "radiotracer key new")
SIGNING_KEY = KeyKind("radiotracer signing key", "a signing key", "radiotracer key new-signing")


def write_key_file(path: Path, text: str) -> None:
    """Write a new key file that only its owner can read (mode 0600), whole or not at all.

    Raises:
        InputError: `path` exists; a key file is never replaced.
        StorageError: The disk refused.
    """
    if os.path.lexists(path):
        raise _exists(path)
    with atomic_file(path) as temporary:
        temporary.touch(mode=0o600)
        temporary.chmod(0o600)
        temporary.write_text(text, encoding="utf-8")
        # A link, unlike a rename, fails where a file has appeared since.
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            raise _exists(path) from None
        except OSError:
            pass  # no links on this file system: the check above must do


def read_key_file(path: Path, wanted: KeyKind) -> bytes:
    """What a key file holds; whether that is a whole key is for the caller to see.

    Raises:
        InputError: There is none, or it says that it is of another kind. No message ever shows
            what the file holds.
        StorageError: It may not be read.
    """
    content = _content(path, wanted)
    for other in (MARK_KEY, SIGNING_KEY):
        if other != wanted and _says(content, other):
            raise InputError(
                expected=f"{wanted.called} in {path}",
                came=f"a file that `{other.made_by}` wrote",
                do=f"pass one that `{wanted.made_by}` wrote",
            )
    return content


def is_signing_key_file(path: Path) -> bool:
    """Whether a file says that it holds a signing key.

    Raises:
        InputError: There is no file.
        StorageError: It may not be read.
    """
    return _says(_content(path, MARK_KEY), SIGNING_KEY)


def exposure(path: Path) -> str | None:
    """A note for people when others on the machine may read a key file; None otherwise.

    A note and not an error: some file systems cannot say who may read.
    """
    if os.name != "posix" or not path.stat().st_mode & 0o077:
        return None
    return f"Other users of this machine may read the key file {path}: run chmod 600 on it."


def damaged(path: Path, wanted: KeyKind, came: str) -> InputError:
    """The error for a file that does not hold a whole key."""
    return InputError(
        expected=f"{wanted.called} in {path}",
        came=came,
        do="restore the file from where you keep a copy",
    )


def _content(path: Path, wanted: KeyKind) -> bytes:
    if not path.is_file():
        raise InputError(
            expected=f"{wanted.called} file",
            came=f"{path}, which is {'no file' if path.exists() else 'not there'}",
            do=f"pass the file that `{wanted.made_by}` wrote",
        )
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except PermissionError:
        raise StorageError(
            expected=f"to read {path}",
            came="a refusal: permission was denied",
            do="run as the user who owns the key",
        ) from None


def _says(content: bytes, kind: KeyKind) -> bool:
    try:
        held = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(held, dict) and held.get("kind") == kind.kind


def _exists(path: Path) -> InputError:
    return InputError(
        expected="a new file for the key",
        came=f"{path}, which exists",
        do="choose another name; a lost key cannot be made again",
    )
