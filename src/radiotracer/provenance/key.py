"""One secret of 256 bits, and everything that is derived from it by a label."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from radiotracer.errors import InputError
from radiotracer.key_files import MARK_KEY, damaged, exposure, read_key_file, write_key_file
from radiotracer.provenance.source import Source

__all__ = ["SECRET_BYTES", "Key", "exposure"]

SECRET_BYTES = 32

_SALT = b"radiotracer/key/v1"
"""Not secret. Another version of the derivations would get another salt, and so other bytes."""

_LONGEST = 255 * 32
"""HKDF-SHA256 yields no more bytes for one label (RFC 5869, section 2.3)."""


@dataclass(frozen=True, repr=False)
class Key(Source):
    """A secret key. It never shows its secret: `repr` and messages hold its fingerprint.

    Different labels give independent bytes, so knowing what came from one label (a published
    carrier, a salt) tells nothing of the others.

    Args:
        secret: 32 bytes that nobody else knows.

    Raises:
        InputError: Not 32 bytes.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse secrets of another length."""
        if len(self.secret) != SECRET_BYTES:
            raise InputError(
                expected=f"a secret of {SECRET_BYTES} bytes",
                came=f"{len(self.secret)} bytes",
                do="make a new key",
            )

    def __repr__(self) -> str:
        """The fingerprint only."""
        return f"Key({self.fingerprint})"

    @classmethod
    def new(cls) -> Key:
        """A new key from the operating system's randomness."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    @property
    def fingerprint(self) -> str:
        """Eight hexadecimal digits to tell keys apart by; they may be public."""
        return hashlib.sha256(self.derive("fingerprint")).hexdigest()[:8]

    def derive(self, label: str, length: int = 32) -> bytes:
        """HKDF-SHA256 (RFC 5869) with the label as ``info``; see `Source.derive`."""
        if not label or not 1 <= length <= _LONGEST:
            raise InputError(
                expected=f"a label, and a length in [1, {_LONGEST}]",
                came=f"{label!r} and {length}",
                do="name the purpose; use a generator where more bytes are needed",
            )
        return HKDF(SHA256(), length, _SALT, label.encode()).derive(self.secret)

    def each(self, label: str, names: Iterable[str]) -> list[bytes]:
        """HMAC-SHA256 of each name, under bytes derived for the label; see `Source.each`."""
        secret = self.derive(label)
        return [hmac.digest(secret, each.encode(), "sha256") for each in names]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a new key file that only its owner can read (mode 0600), whole or not at all.

        Raises:
            InputError: `path` exists; a key file is never replaced, its marks would be lost.
            StorageError: The disk refused.
        """
        file = _File(
            kind="radiotracer key",
            schema_version=1,
            secret=self.secret.hex(),
            fingerprint=self.fingerprint,
        )
        write_key_file(Path(path), file.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Key:
        """Read a key file.

        Raises:
            InputError: There is none, or it is not a key file, or not whole. No message ever
                shows what the file holds.
            StorageError: It may not be read.
        """
        path = Path(path)
        held = _File.parse(read_key_file(path, MARK_KEY))
        if held is None:
            raise damaged(path, MARK_KEY, "a file that is none, or only a part of one")
        key = cls(bytes.fromhex(held.secret))
        if not hmac.compare_digest(held.fingerprint.encode(), key.fingerprint.encode()):
            raise damaged(path, MARK_KEY, "a secret that does not have the fingerprint beside it")
        return key


class _File(BaseModel):
    """What a key file holds, as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["radiotracer key"]
    schema_version: Literal[1]
    secret: Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{{2 * SECRET_BYTES}}}$")]
    fingerprint: str

    @classmethod
    def parse(cls, text: bytes) -> _File | None:
        """None if it is something else: the error itself would quote the secret."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
