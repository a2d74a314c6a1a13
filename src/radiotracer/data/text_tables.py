"""Tables with a column of texts and a column of labels: Parquet, Arrow, CSV and JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from radiotracer.data.columns import (
    IDS,
    LABELS,
    TEXTS,
    features_of,
    id_column,
    label_column,
    names_of,
    pick,
    text_column,
)
from radiotracer.data.encoded import read_limited
from radiotracer.data.npz import numbered
from radiotracer.data.rows import Rows
from radiotracer.data.shards import SUFFIXES as TABLES
from radiotracer.data.tables import FROM_ANY_FILE, damaged, read_table
from radiotracer.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""Endings of tables without types, and what stands between their columns."""

LINES = frozenset((".jsonl", ".ndjson"))
"""Endings of JSON lines."""

SUFFIXES = TABLES | SEPARATORS.keys() | LINES
"""File names that are taken for tables of texts, whatever their case; ``.json`` only by itself."""

LARGEST = (1 << 31) - 1
"""Bytes of a file of CSV or JSON lines, which is read at once."""

_LONGEST_HEADER = 1 << 20


def read_texts(path: Path, name: str, text: str | None, label: str | None) -> Rows[str]:
    """The texts of one file.

    Args:
        path: The file, whose ending says what it is.
        name: What ids begin with where there is no column of them.
        text: The text column; None is the one that has a name of `TEXTS`.
        label: The label column; None is the one that has a name of `LABELS`.

    Raises:
        DataError: A damaged file, or columns that are missing or of other types.
    """
    suffix = path.suffix.lower()
    if suffix in SEPARATORS:
        return _columns(_csv(path, SEPARATORS[suffix], text, label), path, name)
    if suffix not in TABLES:
        return _lines(path, name, text, label)
    table = read_table(path, lambda schema, at: _wanted(schema, at, text, label))
    return _columns(table, path, name)


def _wanted(schema: pa.Schema, path: Path, text: str | None, label: str | None) -> list[str]:
    features = features_of(schema)
    texts = pick(schema.names, {}, TEXTS if text is None else (text,), "", path)
    names = LABELS if label is None else (label,)
    labels = pick(schema.names, features, names, "ClassLabel" if label is None else "", path)
    return [texts, labels, *([IDS] if IDS in schema.names else [])]


def _columns(table: pa.Table, path: Path, name: str) -> Rows[str]:
    try:
        text, label, *ids = table.column_names
        return Rows(
            items=text_column(table[text], path),
            labels=label_column(table[label], path),
            names=names_of(features_of(table.schema).get(label)),
            ids=id_column(table[IDS], path) if ids else numbered(f"{name}/", len(table)).tolist(),
        )
    except FROM_ANY_FILE as error:
        raise damaged(path, error) from error


def _csv(path: Path, separator: str, text: str | None, label: str | None) -> pa.Table:
    """Everything is text: what looks like a number or a date in a text is none."""
    content = read_limited(path, LARGEST, "CSV")
    try:
        header = _header(content, separator)
        schema = pa.schema([(name, pa.string()) for name in header])
        wanted = _wanted(schema, path, text, label)
        return pa.csv.read_csv(
            pa.BufferReader(content),
            # One block, so that no row is longer than it.
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=max(len(content), 1)),
            parse_options=pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                include_columns=wanted,
                column_types={each: pa.string() for each in wanted},
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except (ValueError, csv.Error, pa.ArrowException, MemoryError) as error:
        raise DataError(
            expected=f"a table in UTF-8 with a row of names in {path}",
            came=f"one that cannot be read: {(str(error) or type(error).__name__)[:200]}",
            do="write it again",
        ) from error


def _header(content: bytes, separator: str) -> Sequence[str]:
    first = content[:_LONGEST_HEADER].removeprefix(b"\xef\xbb\xbf").splitlines()[:1]
    return next(csv.reader([each.decode() for each in first], delimiter=separator), [])


def _lines(path: Path, name: str, text: str | None, label: str | None) -> Rows[str]:
    items: list[str | None] = []
    labels: list[int | str] = []
    ids: list[str] = []
    columns: list[str] = []
    for number, line in enumerate(read_limited(path, LARGEST, "JSON lines").splitlines(), 1):
        if not line.strip():
            continue
        record = _record(line, path, number)
        if not columns:
            schema = pa.schema([(key, pa.null()) for key in record])
            columns = _wanted(schema, path, text, label)
        item, given, *id = (record.get(key) for key in columns)
        if item is not None and not isinstance(item, str):
            raise _wrong(path, number, f"a {columns[0]} that is no text")
        if not isinstance(given, str | int) or isinstance(given, bool):
            raise _wrong(path, number, f"a {columns[1]} that is neither an integer nor text")
        if id and (not isinstance(id[0], str | int) or isinstance(id[0], bool)):
            raise _wrong(path, number, f"an {IDS} that is neither text nor an integer")
        items.append(item)
        labels.append(given)
        ids += map(str, id)
    if len({type(each) for each in labels}) > 1:
        raise _wrong(path, 1, "labels that are numbers here and text there")
    return Rows(
        items=items,
        labels=labels,  # type: ignore[arg-type]  # of one type, as was just seen
        names=None,
        ids=ids if IDS in columns else numbered(f"{name}/", len(items)).tolist(),
    )


def _record(line: bytes, path: Path, number: int) -> dict[str, object]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, number, f"{type(error).__name__}: {str(error)[:100]}") from error
    if not isinstance(record, dict):
        raise _wrong(path, number, type(record).__name__)
    return record


def _wrong(path: Path, number: int, came: str) -> DataError:
    return DataError(
        expected=f"one JSON object with a text and a label per line in {path}",
        came=f"{came}, in line {number}",
        do="write one object per line",
    )
