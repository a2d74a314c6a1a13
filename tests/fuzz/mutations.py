"""Valid inputs made invalid: bytes at random, and containers from the inside.

Bytes alone hardly ever get past a checksum or the first brace. So what is JSON is changed as JSON,
a table as a table, a zip file as members, and packed again; a fuzzing engine adds its own ideas.
"""

from __future__ import annotations

import gzip
import random
import struct
from collections.abc import Callable, Sequence

from container_mutations import mutated_arrow, mutated_parquet, mutated_zip
from json_mutations import mutated_json, mutated_lines

LONGEST = 1 << 16
"""Bytes; what is longer is cut. Parsers have no more branches than small inputs can reach."""

_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1)

_ByRandom = Callable[[bytearray, random.Random], None]


def mutated(content: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Another input, made of this one.

    Args:
        content: Valid, or already changed.
        others: Further inputs, of which parts may be taken.
        rng: Decides; the same state gives the same input.
    """
    if rng.random() < 0.6:
        found = _inside(content, others, rng)
        if found is not None:
            return found[:LONGEST]
    return damaged(content, others, rng)[:LONGEST]


def damaged(content: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """The same with some bytes changed, whatever they mean."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if others and rng.random() < 0.1:
            other = rng.choice(others)
            at, begin = rng.randint(0, len(changed)), rng.randint(0, len(other))
            changed[at:] = other[begin:]
        else:
            rng.choice(_WAYS)(changed, rng)
    return bytes(changed)


def _inside(content: bytes, others: Sequence[bytes], rng: random.Random) -> bytes | None:
    """By what the content begins with; None where it is no container, or one that is damaged."""

    def again(part: bytes) -> bytes:
        return mutated(part, others, rng)

    try:
        if content[:4] == b"PK\x03\x04":
            return mutated_zip(content, again, rng)
        if content[:4] == b"PAR1":
            return mutated_parquet(content, rng)
        if content[:6] == b"ARROW1":
            return mutated_arrow(content, rng)
        if content[:6] == b"\x93NUMPY":
            return _mutated_npy(content, rng)
        if content[:2] == b"\x1f\x8b":
            return gzip.compress(again(gzip.decompress(content)), 1)
        if content[8:9] == b"{":
            return _mutated_safetensors(content, rng)
        if content[:1] in (b"{", b"["):
            return mutated_lines(content, rng) if b"\n{" in content else mutated_json(content, rng)
    except Exception:  # damaged before: its bytes are changed instead
        return None
    return None


def _mutated_npy(content: bytes, rng: random.Random) -> bytes:
    """The header says type, order and shape; it is a Python literal."""
    (size,) = struct.unpack("<H", content[8:10])
    header, values = content[10 : 10 + size].decode("latin-1"), content[10 + size :]
    shape = header[header.index("(") : header.index(")") + 1]
    kind = header.split("'descr': ")[1].split(",")[0]
    if rng.random() < 0.5:
        header = header.replace(shape, rng.choice(_SHAPES))
    else:
        header = header.replace(kind, rng.choice(_KINDS))
    text = header.rstrip().encode("latin-1") + b"\n"
    return content[:8] + struct.pack("<H", len(text)) + text + values


def _mutated_safetensors(content: bytes, rng: random.Random) -> bytes:
    size = int.from_bytes(content[:8], "little")
    header = mutated_json(content[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


_SHAPES = (
    "()", "(0,)", "(1,)", "(-1,)", "(3, 0)", "(2, 2, 2, 2, 2)", "(10, 10)", "(96, 10, 10)",
    "(9223372036854775807,)", "(4294967296, 4294967296)", "(99999999999999999999,)", "(1.5,)",
    "(None,)", "('a',)", "(True,)", f"{'(' * 60}{')' * 60}", "(1, " * 40 + ")" * 40,
)  # fmt: skip
_KINDS = (
    "'|u1'", "'<f8'", "'<f2'", "'>i8'", "'<u8'", "'|b1'", "'<U3'", "'<U0'", "'|S2'", "'|O'",
    "'<M8[s]'", "'<m8'", "'<c16'", "'|V4'", "'|V0'", "[('a', '<i4')]", "[('a', '|O')]", "'x'",
    "('<i4', (2,))", "None", "3", "'<U99999999999'", "{}",
)  # fmt: skip


def _flip(content: bytearray, rng: random.Random) -> None:
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _put(content: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(content))
    content[at : at + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 4))


def _number(content: bytearray, rng: random.Random) -> None:
    """Sizes, counts and offsets decide what a parser reads next."""
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice(_NUMBERS) * rng.choice((1, -1)) % (1 << 8 * size)
    at = rng.randint(0, len(content))
    content[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randint(0, len(content)) :]


def _leave_out(content: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(content))
    del content[at : at + rng.choice((1, 2, 4, 8, 64))]


def _repeat(content: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(content))
    part = content[at : at + rng.choice((1, 4, 16, 256))]
    content[at:at] = part * rng.choice((1, 2, 16))


_WAYS: tuple[_ByRandom, ...] = (_flip, _put, _number, _cut, _leave_out, _repeat)
