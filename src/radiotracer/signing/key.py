"""Ed25519 keys (RFC 8032): the secret one in a file of its own, the public one as text."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from radiotracer.errors import InputError
from radiotracer.key_files import SIGNING_KEY, damaged, read_key_file, write_key_file

SECRET_BYTES = 32

Hexadecimal32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""32 bytes as text: a secret, a public key, or a SHA-256."""


@dataclass(frozen=True, repr=False)
class SigningKey:
    """A secret key to sign with. `repr` and messages hold its public key alone.

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
                do="make a new signing key",
            )

    def __repr__(self) -> str:
        """The public key only."""
        return f"SigningKey({self.public})"

    @classmethod
    def new(cls) -> SigningKey:
        """A new key from the operating system's randomness."""
        return cls(secrets.token_bytes(SECRET_BYTES))

    @property
    def public(self) -> str:
        """The public key, 64 hexadecimal digits.

        There is no shorter name for it: somebody could search for a key whose name is the same.
        """
        return self._private().public_key().public_bytes_raw().hex()

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of a message, 64 bytes; the same for the same message."""
        return self._private().sign(message)

    def write(self, path: Path) -> None:
        """Write a new key file that only its owner can read (mode 0600), whole or not at all.

        Raises:
            InputError: `path` exists.
            StorageError: The disk refused.
        """
        file = _File(
            kind="radiotracer signing key",
            schema_version=1,
            secret=self.secret.hex(),
            public=self.public,
        )
        write_key_file(path, file.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> SigningKey:
        """Read a key file.

        Raises:
            InputError: There is none, it is that of another kind of key, or it is not whole. No
                message ever shows what the file holds.
            StorageError: It may not be read.
        """
        held = _File.parse(read_key_file(path, SIGNING_KEY))
        if held is None:
            raise damaged(path, SIGNING_KEY, "a file that is none, or only a part of one")
        key = cls(bytes.fromhex(held.secret))
        if not hmac.compare_digest(held.public, key.public):
            raise damaged(path, SIGNING_KEY, "a secret that does not have the public key beside it")
        return key

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.secret)


def is_signed_by(public: str, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is one of `message` by the key whose public key this is.

    Args:
        public: 64 hexadecimal digits. Not every 32 bytes are a key; what is none signed nothing.
        message: Any bytes.
        signature: Any bytes.
    """
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class _File(BaseModel):
    """What a signing key's file holds, as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["radiotracer signing key"]
    schema_version: Literal[1]
    secret: Hexadecimal32
    public: Hexadecimal32

    @classmethod
    def parse(cls, text: bytes) -> _File | None:
        """None if it is something else: the error itself would quote the secret."""
        try:
            return cls.model_validate_json(text)
        except ValidationError:
            return None
