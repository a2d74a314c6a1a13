"""A signature of a folder: ``signature.json`` in it, written over the digests of all other files.

What is signed is the context below and then JSON in one form alone: names sorted, no spaces, ASCII,
no numbers.

    {"files":{"evidence.json":"<SHA-256>", ...},"format":"1","public_key":"<64 digits>"}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from radiotracer.errors import InputError
from radiotracer.files import write_text
from radiotracer.signing.folder import digests, ordinary
from radiotracer.signing.key import Hexadecimal32, SigningKey, is_signed_by

SIGNATURE_FILE = "signature.json"

REVIEWED = (
    "decisions.sqlite",
    "decisions.sqlite-journal",
    "decisions.sqlite-shm",
    "decisions.sqlite-wal",
    "review.lock",
)
"""What a review writes beside a scan. A scan that was signed can be reviewed, and one that is being
reviewed can be signed: its files are bound, these are not. Decisions are bound where they are used:
in the cleaned data, which hold them, and can be signed."""

NOT_SIGNED = frozenset({SIGNATURE_FILE, *REVIEWED})
"""What is in them is not bound."""

CONTEXT = b"radiotracer/folder signature/v1\0"
"""In front of everything that is signed, so that no signature made for something else, by the same
key, is one of a folder."""

MARKS = (
    "evidence.json",
    "summary.json",
    "explanation.json",
    "run.json",
    "decisions.parquet",
    "commitment.json",
    "data.json",
)
"""Folders that radiotracer finished hold one of them."""

_MOST_BYTES = 16 << 20
"""Of a signature file: over a hundred thousand files."""


class Signature(BaseModel):
    """What a signature file holds, as JSON.

    Args:
        public_key: Of whoever signed, 64 hexadecimal digits.
        files: SHA-256 by relative path, of every file but those that are not signed.
        signature: 128 hexadecimal digits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["radiotracer signature"] = "radiotracer signature"
    schema_version: Literal[1] = 1
    algorithm: Literal["Ed25519"] = "Ed25519"
    public_key: Hexadecimal32
    files: dict[str, Hexadecimal32]
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]

    @property
    def is_of_its_files(self) -> bool:
        """Whether the key signed this list; not whether the files are still like that."""
        message = message_of(self.files, self.public_key)
        return is_signed_by(self.public_key, message, bytes.fromhex(self.signature))

    def text(self) -> str:
        """The file, in the one form that there is."""
        held = self.model_dump() | {"files": dict(sorted(self.files.items()))}
        return json.dumps(held, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Signature | None:
        """The signature in a folder; None where there is none.

        Raises:
            InputError: What is there is no signature, or is written otherwise than we write: what
                two readers could understand differently is not read at all.
            StorageError: It may not be read.
        """
        path = folder / SIGNATURE_FILE
        if not os.path.lexists(path):
            return None
        with ordinary(path) as stream:
            content = stream.read(_MOST_BYTES + 1)
        try:
            found = cls.model_validate_json(content)
        except ValidationError:
            found = None
        if len(content) > _MOST_BYTES or found is None or found.text().encode() != content:
            raise InputError(
                expected=f"a signature in {path}, as `radiotracer sign` writes it",
                came="something else, or only a part of one",
                do="do not rely on the folder; get it again from whoever signed it",
            )
        return found


def message_of(files: Mapping[str, str], public_key: str) -> bytes:
    """The bytes that are signed.

    Args:
        files: SHA-256 by relative path.
        public_key: Of the signer. It is signed, too, so that no other key fits the same signature.
    """
    held = {"format": "1", "public_key": public_key, "files": dict(files)}
    return CONTEXT + json.dumps(held, sort_keys=True, separators=(",", ":")).encode("ascii")


def sign(folder: Path, key: SigningKey, *, overwrite: bool = False) -> Signature:
    """Sign every file of a folder that radiotracer wrote, and leave the signature there.

    Args:
        folder: A scan, an audit, an explanation, a run, cleaned or stored data, or the half of
            marked data that is published.
        key: Whose signature it will be.
        overwrite: Replace an earlier signature, whoever made it.

    Raises:
        InputError: Another folder; a signature is there already; or something in the folder cannot
            be signed.
        StorageError: Something may not be read, or the disk refused.
    """
    require_signable(folder)
    if os.path.lexists(folder / SIGNATURE_FILE) and not overwrite:
        raise InputError(
            expected="a folder without a signature",
            came=f"{folder / SIGNATURE_FILE}, which exists",
            do="pass overwrite=True to sign the folder as it is now",
        )
    files = digests(folder, but=NOT_SIGNED)
    made = Signature(
        public_key=key.public,
        files=files,
        signature=key.sign(message_of(files, key.public)).hex(),
    )
    text = made.text()
    if len(text) > _MOST_BYTES:
        raise InputError(
            expected=f"a list of files that takes at most {_MOST_BYTES >> 20} MiB",
            came=f"{len(files):,} files in {folder}",
            do="pack them together, and sign the folder then",
        )
    write_text(folder / SIGNATURE_FILE, text)
    return made


def require_signable(folder: Path) -> None:
    """Raise `InputError` unless this is a folder of ours that stays as it is."""
    if not any((folder / each).is_file() for each in MARKS):
        raise InputError(
            expected=f"a folder that radiotracer wrote, with one of {', '.join(MARKS)}",
            came=f"{folder}, which {'has none' if folder.is_dir() else 'is no folder'}",
            do="pass, say, the folder of a scan or an audit",
        )
    if (folder / "sealed").is_dir():
        raise InputError(
            expected="a folder that stays as it is",
            came=f"{folder}, into whose ledger every audit is written",
            do=f"sign {folder / 'release'}, the half that is published",
        )
