"""Other people's model files: read once, and what was read is what is hashed and opened."""

from __future__ import annotations

import hashlib
from pathlib import Path

from radiotracer.errors import InputError, StorageError

MOST_BYTES = 8 * 2**30
"""Larger model files are refused before they are read."""


def read_model_file(path: Path, *, most: int = MOST_BYTES) -> tuple[bytes, str]:
    """The bytes of a model file and their SHA-256, hexadecimal.

    The file is opened once: nobody can swap it between the digest and the use.

    Args:
        path: A regular file, or a link to one.
        most: The largest file that is read, in bytes.

    Raises:
        InputError: It is missing, is not a file, is empty or too large.
        StorageError: It may not be read.
    """
    if not path.is_file():
        raise InputError(
            expected=f"the model file {path}",
            came="something that is no file" if path.exists() else "no such file",
            do="check the path",
        )
    try:
        with path.open("rb") as stream:
            content = stream.read(most + 1)
    except PermissionError as error:
        raise StorageError(
            expected=f"to read {path}",
            came="a refusal: permission was denied",
            do="ask its owner, or copy it",
        ) from error
    if not content:
        raise InputError(
            expected=f"a model in {path}", came="an empty file", do="fetch or export it again"
        )
    if len(content) > most:
        raise InputError(
            expected=f"a model file of at most {most} bytes",
            came=f"{path}, which is larger",
            do="leave out what is no weight, such as the optimiser's state",
        )
    return content, hashlib.sha256(content).hexdigest()
