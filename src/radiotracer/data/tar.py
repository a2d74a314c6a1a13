"""Tar archives, walked header by header: what is in them is never unpacked, only pointed at.

Python's `tarfile` reads each header here; where it goes on by itself it follows sizes that lie,
takes an archive that was cut for a shorter one, and reads extended headers of any length.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from radiotracer.data.encoded import Part
from radiotracer.errors import DataError

BLOCK = 512

MOST_MEMBERS = 20_000_000
"""More than that are taken for an archive that was made to do harm."""

LONGEST_NAME = 1 << 16
"""Bytes of an extended header, which holds a long name; most systems take names of 4096."""

_LARGEST_PADDING = 1 << 24


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive.

    Args:
        name: As the archive has it, without a leading ``./``; bytes that are no UTF-8 are escaped.
        content: Where it lies; None for what is no plain file.
        problem: Why it is none: a link, a device and so on; empty for files and folders.
    """

    name: str
    content: Part | None
    problem: str = ""


def members(path: Path) -> Iterator[Member]:
    """Every member of an archive that is not packed, in order; no byte of their contents is read.

    Raises:
        DataError: It is no such archive, is damaged, was cut, or goes on after its end.
    """
    try:
        with path.open("rb") as stream:
            yield from _members(stream, path)
    # Extended headers hold numbers and text of anybody's choice.
    except (OSError, ValueError, tarfile.TarError, OverflowError) as error:
        raise DataError(
            expected=f"a tar archive, not packed, in {path}",
            came=f"one that cannot be read: {(str(error) or type(error).__name__)[:200]}",
            do="write or fetch it again",
        ) from error


def _members(stream: BinaryIO, path: Path) -> Iterator[Member]:
    length = path.stat().st_size
    long_name, long_size = None, None
    at, count = 0, 0
    while (header := _read(stream, at, BLOCK, length)).strip(b"\0"):
        info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        size = info.size if long_size is None else long_size
        start, count = at + BLOCK, count + 1
        if size < 0 or start + size > length:
            raise ValueError(f"{info.name!a} would end outside of it")
        if count > MOST_MEMBERS:
            raise ValueError(f"more than {MOST_MEMBERS:,} members")
        at = start + -(-size // BLOCK) * BLOCK
        if info.type in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
            content = _read(stream, start, _short(size), length)
            if info.type == tarfile.GNUTYPE_LONGNAME:
                long_name = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
            else:
                records = dict(_records(content))
                long_name = records.get("path", long_name)
                long_size = int(records["size"]) if "size" in records else None
                if any(key.startswith("GNU.sparse") for key in records):
                    raise ValueError("files with holes, of which only a part is stored")
        elif info.type not in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            yield _member(info, long_name or info.name, Part(path, start, size))
            long_name, long_size = None, None
    _require_end(stream, at, length)


def _member(info: tarfile.TarInfo, name: str, content: Part) -> Member:
    plain = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    plain = plain.replace("\0", "\\x00").removeprefix("./")
    if info.isdir():
        return Member(plain, None)
    if info.issym() or info.islnk():
        return Member(plain, None, "a link, which may lead out of the archive")
    if not info.isreg() or info.issparse() or info.type == tarfile.GNUTYPE_SPARSE:
        return Member(plain, None, "not a plain file")
    if plain.startswith("/") or ".." in plain.split("/"):
        return Member(plain, None, "its name leads out of the archive")
    return Member(plain, content)


def _records(content: bytes) -> Iterator[tuple[str, str]]:
    """The lines ``LENGTH KEY=VALUE`` of an extended header."""
    while content.strip(b"\0"):
        digits, space, _ = content[:20].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        key, equals, value = content[len(digits) + 1 : length].partition(b"=")
        if not equals or not value.endswith(b"\n"):
            raise ValueError("an extended header that is damaged")
        yield key.decode("utf-8"), value[:-1].decode("utf-8", "surrogateescape")
        content = content[length:]


def _short(size: int) -> int:
    if size > LONGEST_NAME:
        raise ValueError(f"an extended header of {size} bytes")
    return size


def _read(stream: BinaryIO, at: int, size: int, length: int) -> bytes:
    if at + size > length:
        raise ValueError("it ends before its end")
    stream.seek(at)
    return stream.read(size)


def _require_end(stream: BinaryIO, at: int, length: int) -> None:
    """Two blocks of zeros and nothing else: what follows would be left out silently."""
    if length - at < 2 * BLOCK:
        raise ValueError("it ends before its end")
    if length - at > _LARGEST_PADDING:
        raise ValueError("it goes on after its end, as archives that were joined do")
    stream.seek(at)
    if stream.read().strip(b"\0"):
        raise ValueError("it goes on after its end, as archives that were joined do")
