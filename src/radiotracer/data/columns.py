"""Columns of tables: which one is meant, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from radiotracer.errors import DataError

IMAGES = ("image", "img")
"""Names of the image column, of which a file has exactly one."""

TEXTS = ("text", "sentence", "content", "document")
"""Names of the text column, of which a file has exactly one."""

LABELS = ("label", "labels", "fine_label")
"""Names of the label column, of which a file has exactly one."""

IDS = "id"
"""Name of the column of ids, of text or integers, where there is one."""

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


def pick(
    present: Sequence[str],
    features: Mapping[str, Any],
    names: Sequence[str],
    kind: str,
    at: Place,
    *,
    argument: str = "",
) -> str:
    """The one column that has one of the `names`, or else Hugging Face's type `kind`.

    Args:
        present: The columns that there are.
        features: Hugging Face's types by column.
        names: What it may be called.
        kind: What its type may be; ``""`` for no matter what.
        at: Where, for errors.
        argument: The argument that names it, for errors; ``""`` where there is none.

    Raises:
        DataError: There is none, or more than one.
    """
    found = [name for name in present if name in names] or [
        name
        for name in present
        if isinstance(features.get(name), dict) and features[name].get("_type") == kind
    ]
    if len(found) != 1:
        raise DataError(
            expected=f"one column called {' or '.join(names)} in {at}",
            came=f"both {' and '.join(found)}" if found else f"columns {', '.join(present[:20])}",
            do=f"pass {argument}="
            if argument and len(names) > 1
            else "keep only one of them"
            if found
            else f"rename the one that is meant to {names[0]}",
        )
    return found[0]


def image_column(column: pa.ChunkedArray, at: Place) -> Sequence[memoryview | None]:
    """Encoded images: views of the column's memory, which they keep; None where there is none.

    Raises:
        DataError: They are neither bytes nor Hugging Face's ``{bytes, path}``.
    """
    encoded = column
    if pa.types.is_struct(column.type) and "bytes" in [field.name for field in column.type]:
        encoded = pc.struct_field(column, "bytes")
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    if not any(is_kind(encoded.type) for is_kind in kinds):
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
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not _is_text(column.type):
        raise DataError(
            expected=f"texts in {at}", came=str(column.type), do="name the column that holds them"
        )
    texts: Sequence[str | None] = column.to_pylist()
    return texts


def label_column(column: pa.ChunkedArray, at: Place) -> Sequence[int] | Sequence[str]:
    """Class numbers, or names of classes.

    Raises:
        DataError: One is missing, or they are of another type.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = _is_text(column.type)
    if not texts and not pa.types.is_integer(column.type):
        raise DataError(
            expected=f"labels in {at} that are integers or text",
            came=str(column.type),
            do="give one class per example",
        )
    if column.null_count:
        raise DataError(
            expected=f"a label for each example in {at}",
            came=f"{column.null_count} without",
            do="leave those rows out",
        )
    labels: Sequence[int] | Sequence[str] = column.to_pylist()
    return labels


def id_column(column: pa.ChunkedArray, at: Place) -> Sequence[str]:
    """Ids, as text.

    Raises:
        DataError: One is missing, or they are neither text nor integers.
    """
    if column.null_count or not (_is_text(column.type) or pa.types.is_integer(column.type)):
        raise DataError(
            expected=f"ids of text or integers in {at}",
            came=f"{column.null_count} missing" if column.null_count else str(column.type),
            do=f"repair or remove the column {IDS}",
        )
    return [str(each) for each in column.to_pylist()]


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type are texts, as Parquet files of any writer have them."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_text(kind: pa.DataType) -> bool:
    return is_text(kind) or bool(pa.types.is_string_view(kind))
