"""OpenTimestamps (https://opentimestamps.org): a digest that a block of Bitcoin holds.

A calendar takes digests and puts the root of a tree over them into a block, hours later. The proof
is the way from our digest to the block's Merkle root. What says when is the block's header, 80
bytes, which is no part of the proof: who verifies has it from a node of Bitcoin, or from anywhere.
It proves itself by what it costs to make one: about `LEAST_DIFFICULTY` times 2^32 hashes.
"""

from __future__ import annotations

import hashlib
import importlib
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from radiotracer.errors import DataError, InputError

CALLED = "OpenTimestamps"
SUFFIX = ".ots"
HEADER_SUFFIX = ".ots.header"

LEAST_DIFFICULTY = 5e13
"""Of a block, in Bitcoin's own unit: what it has exceeded since 2023. A header that is to show more
than it should costs more than ten thousand dollars of electricity, for one commitment alone."""

_NO_TARGET = 0xFFFF << 208  # the target at difficulty 1

Ask = Callable[[str, bytes | None], bytes]
"""From an address, and what to send (None: nothing), to what comes back."""


class WaitingError(DataError):
    """A proof that no block holds yet, or whose block's header is not there."""


def submitted(digest: str, calendar: str, ask: Ask) -> bytes:
    """A proof that waits: the calendar has taken the digest, hidden behind a nonce.

    Args:
        digest: SHA-256, 64 hexadecimal digits.
        calendar: Its address.
        ask: Sends.

    Raises:
        DataError: What comes back is no time stamp.
        InputError: The library is missing.
    """
    parts = _library()
    whole = parts.Timestamp(bytes.fromhex(digest))
    hidden = whole.ops.add(parts.OpAppend(secrets.token_bytes(16))).ops.add(parts.OpSHA256())
    answer = ask(f"{calendar.rstrip('/')}/digest", hidden.msg)
    hidden.merge(_timestamp(answer, hidden.msg))
    return _bytes(whole)


def upgraded(proof: bytes, digest: str, ask: Ask) -> bytes:
    """The proof with what its calendars know by now; they are asked.

    Raises:
        DataError: It is none, of another digest, or a calendar answers something else.
        InputError: The library is missing, or a calendar does not answer.
    """
    parts, whole = _library(), _read(proof, digest)
    for at in list(_nodes(whole)):
        for each in list(at.attestations):
            if isinstance(each, parts.PendingAttestation):
                address = f"{each.uri.rstrip('/')}/timestamp/{at.msg.hex()}"
                at.merge(_timestamp(ask(address, None), at.msg))
    return _bytes(whole)


def heights(proof: bytes, digest: str) -> tuple[int, ...]:
    """The heights of the blocks that hold the digest, ascending; none while it waits."""
    kind = _library().BitcoinBlockHeaderAttestation
    found = _read(proof, digest).all_attestations()
    return tuple(sorted({each.height for _, each in found if isinstance(each, kind)}))


def stamped(proof: bytes, digest: str, header: bytes | None) -> datetime:
    """When a block held the digest, UTC, by its own header's clock. No network.

    Args:
        proof: A file of OpenTimestamps.
        digest: SHA-256, 64 hexadecimal digits.
        header: The block's, 80 bytes; None: it is not there.

    Raises:
        WaitingError: There is no block yet, or no header.
        DataError: The proof is cut short or none, of another digest, or does not lead to this
            header; or the header cost too little.
        InputError: The library is missing.
    """
    whole, blocks = _read(proof, digest), heights(proof, digest)
    if not blocks or header is None:
        raise WaitingError(
            expected="a proof with its block's header",
            came=f"one of block {blocks[0]:,}, without it" if blocks else "one that waits",
            do="run `radiotracer stamp` with --upgrade"
            + (", and with --bitcoin-header" if blocks else " in some hours"),
        )
    if len(header) != 80 or not any(
        isinstance(each, _library().BitcoinBlockHeaderAttestation) and message == header[36:68]
        for message, each in whole.all_attestations()
    ):
        raise _unlike(
            f"the header of block {blocks[0]:,}, whose Merkle root the proof leads to",
            "another" if len(header) == 80 else f"{len(header)} bytes, not 80",
        )
    if not _cost_enough(header):
        raise _unlike(
            f"a header that was mined at a difficulty of {LEAST_DIFFICULTY:.0e} or more",
            "one that anybody could have made",
        )
    return datetime.fromtimestamp(int.from_bytes(header[68:72], "little"), UTC)


def _cost_enough(header: bytes) -> bool:
    """Whether its hash meets its target (nBits), and the target is as hard as Bitcoin's."""
    size, digits = header[75], int.from_bytes(header[72:75], "little")
    target = digits << 8 * (size - 3) if size >= 3 else 0
    found = hashlib.sha256(hashlib.sha256(header).digest()).digest()
    easiest = int(_NO_TARGET / LEAST_DIFFICULTY)
    return int.from_bytes(found, "little") <= target <= easiest


def _nodes(timestamp: Any) -> Iterator[Any]:
    yield timestamp
    for each in timestamp.ops.values():
        yield from _nodes(each)


def _read(proof: bytes, digest: str) -> Any:
    parts = _library()
    try:
        context = parts.BytesDeserializationContext(proof)
        held = parts.DetachedTimestampFile.deserialize(context)
        context.assert_eof()
    except (parts.DeserializationError, ValueError, RecursionError) as error:
        raise _unlike(
            "a proof of OpenTimestamps", "something else, or only a part of one"
        ) from error
    if held.timestamp.msg.hex() != digest:
        raise _unlike(f"a proof of {digest[:12]}", f"one of {held.timestamp.msg.hex()[:12]}")
    return held.timestamp


def _timestamp(answer: bytes, message: bytes) -> Any:
    parts = _library()
    try:
        return parts.Timestamp.deserialize(parts.BytesDeserializationContext(answer), message)
    except (parts.DeserializationError, ValueError, RecursionError) as error:
        raise _unlike("a calendar's time stamp", "something else, or only a part of one") from error


def _bytes(timestamp: Any) -> bytes:
    parts = _library()
    context = parts.BytesSerializationContext()
    parts.DetachedTimestampFile(parts.OpSHA256(), timestamp).serialize(context)
    return bytes(context.getbytes())


class _Parts:
    """What is used of the library, by name."""

    _WHERE = ("core.timestamp", "core.notary", "core.op", "core.serialize")

    def __getattr__(self, name: str) -> Any:
        for where in self._WHERE:
            module = importlib.import_module(f"opentimestamps.{where}")
            if hasattr(module, name):
                return getattr(module, name)
        raise AttributeError(name)


def _library() -> Any:
    try:
        importlib.import_module("opentimestamps.core.timestamp")
    except ImportError as error:
        raise InputError(
            expected="the package opentimestamps, which reads proofs",
            came="none installed",
            do='pip install "radiotracer[stamps]"',
        ) from error
    return _Parts()


def _unlike(expected: str, came: str) -> DataError:
    return DataError(
        expected=expected,
        came=came,
        do="have the commitment stamped again with `radiotracer stamp`",
    )
