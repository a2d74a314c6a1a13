"""What a commitment binds of every release, whatever its examples are, and how it is read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.files import write_text
from radiotracer.provenance.commitment import Commitment
from radiotracer.provenance.merkle import merkle_root
from radiotracer.runs.texts import parsed

COMMITMENT_FILE = "commitment.json"
PROTOCOL_FILE = "sealed/protocol.json"
PUBLISHED = "release"

_NAMED = 3
"""How many edited examples an error names."""


def examples_root(published: Dataset, digests: Iterable[str]) -> str:
    """Merkle root of what is published, one entry per example.

    Args:
        published: Its labels and ids count.
        digests: SHA-256 of each of its examples when they were marked.
    """
    return merkle_root(
        hashlib.sha256(f"{digest}/{label}/{name}".encode()).hexdigest()
        for digest, label, name in zip(digests, published.labels, published.ids, strict=True)
    )


def require_unedited(published: Dataset, digests: NDArray[np.str_], what: str) -> None:
    """Raise `InputError`, which names some of them, if examples were edited since they were marked.

    Args:
        published: As it is now, n examples.
        digests: SHA-256 of each of them then, shape (n,).
        what: What the examples are, in the plural.
    """
    edited = np.flatnonzero(published.digests != digests)
    if len(edited):
        named = ", ".join(
            f"{published.ids[row]} ({published.digests[row][:12]})" for row in edited[:_NAMED]
        )
        raise InputError(
            expected=f"the published {what} as they were marked",
            came=f"{len(edited)} that were edited since: {named}"
            + " and more" * (len(edited) > _NAMED),
            do="restore the release folder; audit what was published",
        )


def read_commitment(folder: Path, made_by: str) -> Commitment:
    """The commitment of the release in a folder, and beside what is published.

    Args:
        folder: Of the release.
        made_by: What wrote it, for errors.

    Raises:
        InputError: `folder` is no marked release.
        DataError: A file is damaged, or there are two commitments.
    """
    if not (folder / COMMITMENT_FILE).is_file():
        raise InputError(
            expected=f"a folder that {made_by} wrote",
            came=f"{folder}, {'which has no commitment' if folder.is_dir() else 'no folder'}",
            do="pass the folder that holds release, sealed and commitment.json",
        )
    commitment = read_part(Commitment, folder / COMMITMENT_FILE, made_by)
    beside = read_part(Commitment, folder / PUBLISHED / COMMITMENT_FILE, made_by)
    if beside != commitment:
        raise DataError(
            expected=f"one commitment, in {folder} and in its folder {PUBLISHED}",
            came=f"two: {commitment.digest[:12]} and {beside.digest[:12]}",
            do="restore the one that was published",
        )
    return commitment


def write_bound(folder: Path, protocol: BaseModel, commitment: Commitment) -> None:
    """Write the protocol, and the commitment twice: beside what is published, and to be stamped."""
    write_text(folder / PROTOCOL_FILE, protocol.model_dump_json(indent=2) + "\n")
    text = commitment.model_dump_json(indent=2) + "\n"
    write_text(folder / PUBLISHED / COMMITMENT_FILE, text)
    write_text(folder / COMMITMENT_FILE, text)


def is_of_texts(folder: Path) -> bool:
    """Whether the protocol of a release says that it is one of texts."""
    try:
        said = json.loads((folder / PROTOCOL_FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("examples_are") == "texts"


_Model = TypeVar("_Model", bound=BaseModel)


def read_part(kind: type[_Model], path: Path, made_by: str) -> _Model:
    """A JSON file of a release.

    Raises:
        DataError: It is missing or damaged.
    """
    try:
        return parsed(kind, path.read_bytes())
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else "another content"
        raise DataError(
            expected=f"{path} as {made_by} wrote it", came=reason, do="restore it"
        ) from error
