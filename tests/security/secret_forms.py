"""Every form in which a secret might lie in a file, or in a text: whole, or a third of it."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

PART = 12
"""Bytes of the secret that must not lie anywhere: by chance that happens once in 2^96."""


def forms(secret: bytes) -> dict[str, bytes]:
    """Texts and bytes, by name; texts in lower case where case says nothing."""
    found = {}
    for start in range(len(secret) - PART + 1):
        part = secret[start : start + PART]
        found[f"raw from {start}"] = part
        found[f"raw backwards from {start}"] = part[::-1]
        found[f"hex from {start}"] = part.hex().encode()
        found[f"hex backwards from {start}"] = part[::-1].hex().encode()
        found[f"numbers from {start}"] = b",".join(b"%d" % each for each in part)
        found[f"base64 from {start}"] = base64.b64encode(part)[:-2]
        found[f"base64 for addresses from {start}"] = base64.urlsafe_b64encode(part)[:-2]
        found[f"base32 from {start}"] = base64.b32encode(part)[:-6].lower()
        found[f"repr from {start}"] = repr(part)[2:-1].encode()
    for order in ("big", "little"):
        found[f"integer, {order}-endian"] = str(int.from_bytes(secret, order)).encode()
    return found


def leaks(secret: bytes, content: bytes) -> list[str]:
    """In which forms the secret lies in the content."""
    lower = content.lower()
    packed = b"".join(content.split())  # numbers of arrays, with any space between them
    return [
        name
        for name, form in forms(secret).items()
        if form in content
        or (name.startswith(("hex", "base32")) and form in lower)
        or (name.startswith("numbers") and form in packed)
    ]


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and those of what is compressed in it."""
    raw = path.read_bytes()
    yield raw
    if zipfile.is_zipfile(io.BytesIO(raw)):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    if raw[:4] == b"PAR1":
        yield str(pq.read_table(path).to_pydict()).encode()
        yield str(pq.read_schema(path).metadata).encode()
