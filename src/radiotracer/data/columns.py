"""Columns of tables, and what they hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from radiotracer.data.labels import Given, several_labels
from radiotracer.errors import DataError

Place = Path | str
"""Where a column comes from, for errors."""


def features_of(schema: pa.Schema) -> Mapping[str, Any]:
    """Hugging Face's types by column, from the metadata of the schema; empty without them.

    Raises:
        ValueError: The metadata are no JSON.
        RecursionError: They are nested deeper than Python reads.
    """
    text = (schema.metadata or {}).get(b"huggingface")
    found = json.loads(text) if text else {}
    for key in ("info", "features"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def names_of(feature: object) -> tuple[str, ...] | None:
    """The names of a ``ClassLabel``, where there are some."""
    names = feature.get("names") if isinstance(feature, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names) or None


def image_column(column: pa.ChunkedArray, at: Place) -> Sequence[memoryview | None]:
    """Encoded images: views of the column's memory, which they keep; None where there is none.

    Raises:
        DataError: They are neither bytes nor Hugging Face's ``{bytes, path}``.
    """
    encoded = column
    if is_image(column.type) and pa.types.is_struct(column.type):
        encoded = pc.struct_field(column, "bytes")
    if not is_image(encoded.type):
        raise DataError(
            expected=f"encoded images in {at}: bytes, or Hugging Face's {{bytes, path}}",
            came=str(column.type),
            do="save them encoded, for example as PNG",
        )
    buffers = (each.as_buffer() for each in encoded)
    return [None if each is None else memoryview(each) for each in buffers]


def text_column(column: pa.ChunkedArray, at: Place) -> Sequence[str | None]:
    """Texts; None where there is none.

    Raises:
        DataError: They are of another type.
    """
    column = plain(column)
    if not is_text(column.type):
        raise DataError(
            expected=f"texts in {at}", came=str(column.type), do="name the column that holds them"
        )
    texts: Sequence[str | None] = column.to_pylist()
    return texts


def label_column(
    column: pa.ChunkedArray, at: Place, *, feature: object = None, typed: bool = True
) -> Given:
    """Labels, as they are given.

    Args:
        column: Numbers, truth values or text.
        at: Where, for errors.
        feature: Hugging Face's type of it, where there is one.
        typed: Whether text is text: in CSV it may be a number.

    Raises:
        DataError: They are lists, or of another type.
    """
    column = plain(column)
    kind = column.type
    if is_list(kind):
        first: object = next((each.as_py() for each in column if each.is_valid), [])
        raise several_labels(at, f"lists such as {str(first)[:40]}")
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (is_text(kind) or is_number(kind) or pa.types.is_boolean(kind)):
        raise DataError(
            expected=f"labels in {at} that are numbers or text",
            came=str(kind),
            do="name the column of labels with label_column=",
        )
    return Given(column.to_pylist(), names_of(feature), typed)


def id_column(column: pa.ChunkedArray, at: Place) -> Sequence[str]:
    """Ids, as text.

    Raises:
        DataError: One is missing, or they are neither text nor integers.
    """
    column = plain(column)
    if column.null_count or not (is_text(column.type) or pa.types.is_integer(column.type)):
        raise DataError(
            expected=f"ids of text or integers in {at}",
            came=f"{column.null_count} missing" if column.null_count else str(column.type),
            do="repair the column, or name another with id_column=",
        )
    return [str(each) for each in column.to_pylist()]


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column whose values are stored as they are, not as places in a dictionary."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type are texts, as files of any writer have them."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(kind) for is_kind in kinds)


def is_number(kind: pa.DataType) -> bool:
    """Whether these are numbers, or nothing at all."""
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
    return any(is_kind(kind) for is_kind in kinds)


def is_list(kind: pa.DataType) -> bool:
    """Whether each value is a list."""
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_kind(kind) for is_kind in kinds)


def is_image(kind: pa.DataType) -> bool:
    """Whether values may be encoded images: bytes, or a struct with a field ``bytes``."""
    if pa.types.is_struct(kind):
        return "bytes" in [field.name for field in kind]
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in kinds)
