"""What a commitment binds of every release, whatever its examples are, and how it is read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from safetensors.torch import save
from torch import Tensor

from radiotracer.data import Dataset
from radiotracer.data.modality import Modality, each_hash, nouns
from radiotracer.errors import DataError, InputError
from radiotracer.files import write_text
from radiotracer.provenance.coins import KeyNonces, nonce_digests
from radiotracer.provenance.commitment import Commitment, commit
from radiotracer.provenance.key import Key
from radiotracer.provenance.merkle import merkle_root
from radiotracer.provenance.planted import Laid
from radiotracer.provenance.record import RECORD_FILE, Record
from radiotracer.runs.texts import parsed

COMMITMENT_FILE = "commitment.json"
PUBLISHED = "release"

_NAMED = 3
"""How many edited examples an error names."""


def commitment_of(  # noqa: PLR0917 - everything that is fixed
    key: Key,
    protocol: BaseModel,
    laid: Laid,
    rows: NDArray[np.int64],
    originals: Any,
    modality: Modality,
) -> Commitment:
    """The commitment to everything that is fixed before the coins are drawn.

    The rows too: whoever could say afterwards which example is which could choose its coin.

    Args:
        key: The secret.
        protocol: How the data were marked, and how they will be audited.
        laid: What the coins will choose between, and their names.
        rows: Which examples are marked, shape (k,).
        originals: Those before, in the form of their modality.
        modality: Their kind.
    """
    roots = {
        "rows": merkle_root(row_digests(rows)),
        "originals": merkle_root(each_hash(modality.hashes(originals))),
        "coins": merkle_root(nonce_digests(KeyNonces(key), laid.coins)),
        **{f"laid/{name}": merkle_root(row_digests(it)) for name, it in laid.arrays.items()},
    }
    return commit(key, protocol.model_dump(mode="json"), weights_digest(laid.extractor), roots)


def weights_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """The file that a network's weights are sealed in."""
    # Cloned: tied weights are written once under each of their names.
    return save(
        {name: value.detach().cpu().contiguous().clone() for name, value in weights.items()}
    )


def weights_digest(weights: Mapping[str, Tensor] | None) -> str:
    """SHA-256 of that file; of nothing where audits need no weights."""
    return hashlib.sha256(b"" if weights is None else weights_bytes(weights)).hexdigest()


def examples_root(published: Dataset, digests: Iterable[str]) -> str:
    """Merkle root of what is published, one entry per example.

    Args:
        published: Its labels and ids count.
        digests: SHA-256 of each of its examples when they were marked.
    """
    return merkle_root(
        entry_of(digest, label, name)
        for digest, label, name in zip(digests, published.labels, published.ids, strict=True)
    )


def entry_of(digest: str, label: int, name: str) -> str:
    """What stands in the tree for a published example: its digest, label and id."""
    return hashlib.sha256(f"{digest}/{label}/{name}".encode()).hexdigest()


def require_unedited(published: Dataset, digests: NDArray[np.str_]) -> None:
    """Raise `InputError`, which names some of them, if examples were edited since they were marked.

    Args:
        published: As it is now, n examples.
        digests: SHA-256 of each of them then, shape (n,).
    """
    now = published.digests
    edited = np.flatnonzero(now != digests)
    if len(edited):
        named = ", ".join(f"{published.ids[row]} ({now[row][:12]})" for row in edited[:_NAMED])
        raise InputError(
            expected=f"the published {published.modality.name} as they were marked",
            came=f"{nouns(published.modality, len(edited))} edited since: {named}"
            + " and more" * (len(edited) > _NAMED),
            do="restore the release folder; audit what was published",
        )


def read_commitment(folder: Path, made_by: str) -> Commitment:
    """The commitment in a folder.

    Raises:
        InputError: `folder` is none that `made_by` wrote.
        DataError: The file is damaged.
    """
    if not (folder / COMMITMENT_FILE).is_file():
        raise InputError(
            expected=f"a folder that {made_by} wrote",
            came=f"{folder}, {'which has no commitment' if folder.is_dir() else 'no folder'}",
            do="pass the folder that holds release, sealed and commitment.json",
        )
    return read_part(Commitment, folder / COMMITMENT_FILE, made_by)


def read_records(folder: Path, made_by: str) -> tuple[Commitment, Record]:
    """The commitment of the release in a folder, and its record; each as beside what is published.

    Raises:
        InputError: `folder` is no marked release.
        DataError: A file is damaged, there are two of one, or they do not belong together.
    """
    commitment = read_commitment(folder, made_by)
    if not (folder / RECORD_FILE).is_file():
        raise InputError(
            expected=f"a folder that {made_by} wrote",
            came=f"{folder}, which has no {RECORD_FILE}: what was prepared is not released yet",
            do="draw its coins with `radiotracer release`",
        )
    record = read_part(Record, folder / RECORD_FILE, made_by)
    for one, name in ((commitment, COMMITMENT_FILE), (record, RECORD_FILE)):
        beside = read_part(type(one), folder / PUBLISHED / name, made_by)
        if beside != one:
            raise DataError(
                expected=f"one {name}, in {folder} and in its folder {PUBLISHED}",
                came=f"two: {one.digest[:12]} and {beside.digest[:12]}",
                do="restore the one that was published",
            )
    if record.commitment != commitment.digest:
        raise DataError(
            expected=f"the record of a release by commitment {commitment.digest[:12]}",
            came=f"one by {record.commitment[:12]}",
            do="restore the files that were published together",
        )
    return commitment, record


def write_records(folder: Path, commitment: Commitment, record: Record) -> None:
    """Write both twice: beside what is published, and to be stamped."""
    for one, name in ((commitment, COMMITMENT_FILE), (record, RECORD_FILE)):
        for place in (folder / PUBLISHED / name, folder / name):
            write_text(place, one.model_dump_json(indent=2) + "\n")


_Model = TypeVar("_Model", bound=BaseModel)


def read_part(kind: type[_Model], path: Path, made_by: str) -> _Model:
    """A JSON file of a release.

    Raises:
        DataError: It is missing, damaged, or of another version.
    """
    try:
        content = path.read_bytes()
        _require_version(kind, path, content)
        return parsed(kind, content)
    except (OSError, ValueError) as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else "another content"
        raise DataError(
            expected=f"{path} as {made_by} wrote it", came=reason, do="restore it"
        ) from error


def row_digests(array: NDArray[Any]) -> Iterator[str]:
    """SHA-256 of each row of an array, its type and shape among what is hashed."""
    header = f"{array.dtype.str}{array.shape[1:]}".encode()
    return (
        hashlib.sha256(header + np.ascontiguousarray(row).tobytes()).hexdigest() for row in array
    )


def _require_version(kind: type[BaseModel], path: Path, content: bytes) -> None:
    """Raise `DataError` if the file says that it is of a version that nobody here can read."""
    try:
        said = json.loads(content)
    except RecursionError as error:
        raise ValueError("too deep") from error
    found = said.get("schema_version") if isinstance(said, dict) else None
    known = kind.model_fields["schema_version"].default
    if isinstance(found, int) and found != known:
        raise DataError(
            expected=f"version {known} of {path}",
            came=f"version {found}",
            do="use the version of radiotracer that wrote it, or mark again",
        )
