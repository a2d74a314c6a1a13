"""A witness: somebody else who signs a commitment, and draws random bytes after that.

The statement is JSON; what is signed is the context below and then, in one form alone, everything
but the signature. The witness is believed in three things: that the bytes were drawn at random
after the commitment was seen, that a commitment gets them once, and that statements are numbered
as they are made.

*Why they are numbered.* An owner could have a thousand commitments witnessed and show the luckiest.
Whoever charges the n-th statement n(n + 1) of its p-value charges enough, whichever one is shown:
the sum of 1 / n(n + 1) over all n is 1. A witness who wants owners to pay for their own commitments
alone uses a key for each of them.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from radiotracer.errors import DataError, InputError
from radiotracer.provenance.appended import appending
from radiotracer.provenance.commitment import Digest, canonical_json
from radiotracer.provenance.drawn import Drawn
from radiotracer.runs.texts import first_problem, parsed
from radiotracer.signing.key import Hexadecimal32, SigningKey, is_signed_by

CONTEXT = b"radiotracer/witness statement/v1\0"
"""In front of what is signed: a signature of a folder, by the same key, is no statement."""

WITNESS_FILE = "witness.json"

_MOST_BYTES = 4096


class WitnessStatement(BaseModel):
    """What a witness says of a commitment.

    Args:
        commitment: Its digest.
        number: How many statements the witness has made with this key, this one among them.
        time: The witness's clock, UTC.
        value: 32 random bytes, hexadecimal.
        public_key: The witness's.
        signature: Ed25519 (RFC 8032), over all of the above.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["radiotracer witness statement"] = "radiotracer witness statement"
    schema_version: Literal[1] = 1
    commitment: Digest
    number: Annotated[int, Field(ge=1, lt=2**53, strict=True)]
    time: AwareDatetime
    value: Hexadecimal32
    public_key: Hexadecimal32
    signature: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]

    def verified(self, commitment: str, *, owner: str | None = None) -> Drawn:
        """What was drawn for this commitment, once the signature has been checked. No network.

        Args:
            commitment: Its digest.
            owner: The public key of whoever owns the release, where it is known.

        Raises:
            DataError: The statement is of another commitment, its signature is bad, or the
                witness is the owner.
        """
        if self.commitment != commitment:
            raise _unlike(f"of commitment {commitment[:12]}", f"one of {self.commitment[:12]}")
        if not is_signed_by(self.public_key, self._signed(), bytes.fromhex(self.signature)):
            raise _unlike("with a good signature", "one that was changed, or that nobody signed")
        if self.public_key == owner:
            raise _unlike("of somebody else than the owner", "one by the owner's own key")
        return Drawn(
            bytes.fromhex(self.value), self.time.astimezone(UTC), f"witness {self.public_key}"
        )

    def text(self) -> str:
        """The file."""
        return self.model_dump_json(indent=2) + "\n"

    def _signed(self) -> bytes:
        held = self.model_dump(mode="json", exclude={"signature"})
        return CONTEXT + canonical_json(held).encode("ascii")

    @classmethod
    def read(cls, source: str | os.PathLike[str]) -> WitnessStatement:
        """Read a statement; whether it holds is for `verified` to say.

        Raises:
            DataError: There is none, or it is cut short or something else.
        """
        try:
            with Path(source).open("rb") as stream:
                return parsed(cls, stream.read(_MOST_BYTES))
        except (OSError, ValueError) as error:
            came = first_problem(error) if isinstance(error, ValueError) else str(error.strerror)
            raise _unlike(f"in {os.fspath(source)}", came) from error


def draw(commitment: str, signer: SigningKey, *, number: int = 1) -> WitnessStatement:
    """State that a commitment was seen, with 32 bytes that are drawn now.

    Args:
        commitment: Its digest, 64 hexadecimal digits.
        signer: The witness's key.
        number: How many statements there are with this one; see `witnessed`.
    """
    unsigned = WitnessStatement(
        commitment=commitment,
        number=number,
        time=datetime.now(UTC).replace(microsecond=0),
        value=secrets.token_hex(32),
        public_key=signer.public,
        signature="0" * 128,
    )
    return unsigned.model_copy(update={"signature": signer.sign(unsigned._signed()).hex()})


def witnessed(commitment: str, signer: SigningKey, book: Path) -> WitnessStatement:
    """The witness's statement of a commitment: the one in the book, or a new one written there.

    Who asks twice gets the same bytes: otherwise the luckiest could be kept. Two who ask at once
    wait for each other.

    Args:
        commitment: Its digest.
        signer: The witness's key.
        book: Every statement of this key, one in a line; made where it is missing.

    Raises:
        InputError: A line of the book is damaged, or of another key.
        StorageError: The disk refused.
    """
    with appending(book) as held:
        *lines, last = held.content.split(b"\n")
        try:
            made = [parsed(WitnessStatement, line) for line in lines]
            if last or any(each.public_key != signer.public for each in made):
                raise ValueError("another key's statement, or a line that broke off")
        except ValueError as error:
            raise InputError(
                expected=f"the statements of this key in {book}, one in each line",
                came=first_problem(error),
                do="restore the file: without it a commitment could be drawn for twice",
            ) from error
        for each in made:
            if each.commitment == commitment:
                return each
        new = draw(commitment, signer, number=len(made) + 1)
        held.add(new.model_dump_json().encode())
    return new


def _unlike(expected: str, came: str) -> DataError:
    return DataError(
        expected=f"a witness's statement {expected}",
        came=came,
        do="ask the witness for it again; they make it with `radiotracer witness`",
    )
