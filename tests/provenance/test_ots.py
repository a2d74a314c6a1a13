"""OpenTimestamps: proofs that wait, that a block holds, and what is none."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.serialize import BytesSerializationContext
from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

from radiotracer.errors import DataError
from radiotracer.provenance import ots

GENESIS = bytes.fromhex(
    "01000000" + "00" * 32 + "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"
    "29ab5f49ffff001d1dac2b7c"
)
"""The header of Bitcoin's first block, whose root is the hash of its only transaction."""
TRANSACTION = bytes.fromhex(
    "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff00"
    "1d0104455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b20"
    "6f66207365636f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afd"
    "b0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c"
    "384df7ba0b8d578a4c702b6bf11d5fac00000000"
)
DIGEST = hashlib.sha256(TRANSACTION).hexdigest()
"""What the first block holds: one hash further is its root."""


def proof_of(timestamp: Timestamp) -> bytes:
    context = BytesSerializationContext()
    DetachedTimestampFile(OpSHA256(), timestamp).serialize(context)
    return bytes(context.getbytes())


def first_block(height: int = 0) -> bytes:
    whole = Timestamp(bytes.fromhex(DIGEST))
    whole.ops.add(OpSHA256()).attestations.add(BitcoinBlockHeaderAttestation(height))
    return proof_of(whole)


@pytest.fixture
def of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """The difficulty of 2009."""
    monkeypatch.setattr(ots, "LEAST_DIFFICULTY", 1.0)


def test_what_the_first_block_holds(of_then: None) -> None:
    time = ots.stamped(first_block(), DIGEST, GENESIS)
    assert time == datetime(2009, 1, 3, 18, 15, 5, tzinfo=UTC)
    assert ots.heights(first_block(), DIGEST) == (0,)


def test_a_header_that_costs_too_little() -> None:
    with pytest.raises(DataError, match="that anybody could have made"):
        ots.stamped(first_block(), DIGEST, GENESIS)


@pytest.mark.parametrize("at", [0, 4, 70, 76])
def test_a_header_with_another_time_or_nonce(at: int, of_then: None) -> None:
    changed = bytearray(GENESIS)
    changed[at] ^= 1
    with pytest.raises(DataError, match="that anybody could have made"):
        ots.stamped(first_block(), DIGEST, bytes(changed))


def test_an_easier_target(of_then: None) -> None:
    """A header that says itself that nothing had to be done for it."""
    easy = GENESIS[:72] + bytes.fromhex("ffffff20") + GENESIS[76:]
    with pytest.raises(DataError, match="that anybody could have made"):
        ots.stamped(first_block(), DIGEST, easy)


def test_another_header_and_half_of_one(of_then: None) -> None:
    other = GENESIS[:36] + bytes(32) + GENESIS[68:]
    with pytest.raises(DataError, match="whose Merkle root the proof leads to; got another"):
        ots.stamped(first_block(), DIGEST, other)
    with pytest.raises(DataError, match="got 40 bytes, not 80"):
        ots.stamped(first_block(), DIGEST, GENESIS[:40])


def test_a_proof_that_waits(of_then: None) -> None:
    whole = Timestamp(bytes.fromhex(DIGEST))
    whole.ops.add(OpSHA256()).attestations.add(PendingAttestation("https://calendar.example"))
    with pytest.raises(ots.WaitingError, match="one that waits"):
        ots.stamped(proof_of(whole), DIGEST, GENESIS)
    with pytest.raises(ots.WaitingError, match="one of block 7, without it"):
        ots.stamped(first_block(7), DIGEST, None)


def test_another_digest() -> None:
    with pytest.raises(DataError, match="a proof of 000000000000; got one of"):
        ots.stamped(first_block(), "00" * 32, GENESIS)


@pytest.mark.parametrize("cut", [0, 10, 31, 40, -1])
def test_a_proof_that_was_cut_short(cut: int) -> None:
    with pytest.raises(DataError, match="or only a part of one"):
        ots.stamped(first_block()[:cut], DIGEST, GENESIS)


def test_more_behind_a_proof() -> None:
    with pytest.raises(DataError, match="something else"):
        ots.stamped(first_block() + b"0", DIGEST, GENESIS)


def test_a_calendar_that_answers_nonsense() -> None:
    with pytest.raises(DataError, match="a calendar's time stamp"):
        ots.submitted(DIGEST, "https://calendar.example", lambda _, __: b"\xff\xff")


def test_a_proof_that_is_submitted_and_upgraded(of_then: None) -> None:
    """A calendar sees a hash behind a nonce, not the digest; what it adds later is kept."""
    asked: list[tuple[str, bytes | None]] = []

    def calendar(address: str, content: bytes | None) -> bytes:
        asked.append((address, content))
        message = content if content is not None else bytes.fromhex(address.rpartition("/")[2])
        timestamp = Timestamp(message)
        if content is None:
            timestamp.attestations.add(BitcoinBlockHeaderAttestation(800_000))
        else:
            below = timestamp.ops.add(OpAppend(b"tree")).ops.add(OpSHA256())
            below.attestations.add(PendingAttestation("https://calendar.example"))
        context = BytesSerializationContext()
        timestamp.serialize(context)
        return bytes(context.getbytes())

    waits = ots.submitted(DIGEST, "https://calendar.example/", calendar)
    assert ots.heights(waits, DIGEST) == ()
    assert asked[0][0] == "https://calendar.example/digest"
    assert asked[0][1] is not None and asked[0][1].hex() != DIGEST
    assert ots.heights(ots.upgraded(waits, DIGEST, calendar), DIGEST) == (800_000,)
