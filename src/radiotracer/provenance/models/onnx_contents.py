"""What an ONNX file refers to, read from its bytes before any library opens it.

An ONNX file can name other files to take its tensors from, and operators that only a library of the
sender's knows. Both are refused. ONNX files are protocol buffers: a message is a list of fields, a
field is ``number << 3 | wire type`` and a value. The messages below are all in which a tensor or an
operator can lie (onnx.proto of ONNX 1.23); everything else is passed over.

Every occurrence of a field counts, also where a reader would only take the last one: this must see
all that any reader sees, and may see more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from radiotracer.errors import InputError

STANDARD = ("", "ai.onnx", "ai.onnx.ml")
"""The domains of the standard's operators. Runtimes add others, some of which read files."""

_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_OPERATOR, _DOMAIN = 4, 7
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_DEEPEST = 100
"""Protocol buffer libraries stop at 100 messages inside one another."""

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


def require_self_contained(content: bytes, path: Path) -> None:
    """Raise `InputError` unless the ONNX file needs nothing but standard operators.

    Args:
        content: The file's bytes.
        path: Names the file in errors.

    Raises:
        InputError: It is no protocol buffer, refers to other files, or has other operators.
    """
    try:
        _walk(memoryview(content), "model", path, 0)
    except (_MalformedError, UnicodeDecodeError) as error:
        raise InputError(
            expected=f"an ONNX model in {path}",
            came="bytes that are none",
            do="fetch or export it again",
        ) from error


class _MalformedError(Exception):
    """Not a protocol buffer."""


def _walk(message: memoryview, kind: str, path: Path, depth: int) -> None:
    if depth > _DEEPEST:
        raise _MalformedError
    operator = domain = ""
    for number, value in _fields(message):
        if kind == "tensor" and number in (_EXTERNAL_DATA, _DATA_LOCATION) and value != 0:
            raise InputError(
                expected=f"a self-contained ONNX model in {path}",
                came="one that refers to other files for its tensors",
                do="export it again into one file, with no external data",
            )
        if not isinstance(value, memoryview):
            continue
        if number in _INSIDE[kind]:
            _walk(value, _INSIDE[kind][number], path, depth + 1)
        elif kind == "node" and number == _OPERATOR:
            operator = str(value, "utf-8")
        elif kind == "node" and number == _DOMAIN:
            # A second domain must not hide the first.
            domain = str(value, "utf-8") if domain in STANDARD else domain
    if domain not in STANDARD:
        raise InputError(
            expected=f"standard ONNX operators in {path}",
            came=f"{operator or 'one'} of the domain {domain}",
            do="export it again with standard operators only",
        )


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values: whole numbers, or the bytes of text, numbers or a message."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if wire == _EIGHT_BYTES else 4
        else:  # groups, which ONNX has none of
            raise _MalformedError
        if number == 0 or at + size > len(message):
            raise _MalformedError
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A number of 7 bits per byte, the lowest first, and where it ends."""
    value = 0
    for place in range(10):
        if at + place >= len(message):
            break
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise _MalformedError
