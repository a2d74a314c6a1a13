"""Files of columns: Parquet, Arrow, CSV and JSON lines, one or a folder of them, with splits."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from radiotracer.data.arrow_files import FROM_ANY_FILE, Choose, damaged, read_table
from radiotracer.data.columns import IMAGES, TEXTS, features_of
from radiotracer.data.encoded import read_limited
from radiotracer.data.format import Options, Place
from radiotracer.data.shards import SUFFIXES as TYPED
from radiotracer.data.shards import find_shards, has_tables
from radiotracer.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t"}
"""Endings of tables without types, and what stands between their columns."""

LINES = frozenset((".jsonl", ".ndjson"))
"""Endings of JSON lines."""

SUFFIXES = TYPED | SEPARATORS.keys() | LINES
"""File names that are taken for tables, whatever their case; ``.json`` only by itself."""

LARGEST = (1 << 31) - 1
"""Bytes of a file of CSV or JSON lines, which is read at once."""

_LONGEST_HEADER = 1 << 20

Holds = Literal["images", "texts", "rows"]
"""What a row of a table is an example of."""


@dataclass(frozen=True)
class Header:
    """What a table says of its columns.

    Args:
        names: In order; empty where they cannot be read.
        features: Hugging Face's types by column; empty without them.
        typed: Whether the file knows types at all: CSV and JSON lines hold no encoded images.
    """

    names: Sequence[str]
    features: Mapping[str, Any] = field(default_factory=dict)
    typed: bool = True


def holds(header: Header, text_column: str | None) -> Holds:
    """What the rows of a table with these columns are examples of."""
    if text_column is not None:
        return "texts"
    kinds = [header.features.get(name) for name in header.names]
    if header.typed and (
        any(name in IMAGES for name in header.names)
        or any(isinstance(kind, dict) and kind.get("_type") == "Image" for kind in kinds)
    ):
        return "images"
    return "texts" if any(name in TEXTS for name in header.names) else "rows"


def held_at(place: Place, options: Options) -> Holds | None:
    """What the tables at a place hold; None where there are none. Only the first is looked at."""
    if not place.exists:
        return None
    path = place.path
    if path.is_file() and path.suffix.lower() == ".json":
        return holds(read_header(path), options.text_column) if _is_lines(path) else None
    if not has_tables(path, SUFFIXES):
        return None
    first = next(iter(find_shards(path, SUFFIXES).by_split.values()))[0]
    return holds(read_header(first), options.text_column)


def read_header(path: Path) -> Header:
    """The columns of a file, of which little else is read.

    Raises:
        DataError: A damaged file.
    """
    suffix = path.suffix.lower()
    if suffix in SEPARATORS:
        try:
            return Header(csv_header(_beginning(path), SEPARATORS[suffix]), typed=False)
        except (ValueError, csv.Error) as error:
            raise _no_table(path, error) from error
    if suffix not in TYPED:
        lines = _beginning(path).splitlines()
        first = next((line for line in lines if line.strip()), b"")
        try:
            record = json.loads(first)
        except (ValueError, RecursionError):
            record = None
        # What is no record is refused where it is read.
        return Header(tuple(record) if isinstance(record, dict) else TEXTS[:1], typed=False)
    try:
        with path.open("rb") as stream:
            schema = (
                pq.ParquetFile(stream).schema_arrow if suffix == ".parquet" else _ipc_schema(stream)
            )
            return Header(schema.names, features_of(schema))
    except FROM_ANY_FILE as error:
        raise damaged(path, error) from error


def read_columns(path: Path, choose: Choose) -> pa.Table:
    """The wanted columns of a Parquet, Arrow, CSV or TSV file; those of CSV and TSV are texts.

    Raises:
        DataError: A damaged file, or a column that `choose` does not find.
    """
    suffix = path.suffix.lower()
    if suffix in SEPARATORS:
        return _csv(path, SEPARATORS[suffix], choose)
    return read_table(path, choose)


def csv_header(content: bytes, separator: str) -> Sequence[str]:
    """The names in the first line.

    Raises:
        ValueError: It is not in UTF-8.
        csv.Error: It has no columns.
    """
    first = content[:_LONGEST_HEADER].removeprefix(b"\xef\xbb\xbf").splitlines()[:1]
    return next(csv.reader([each.decode() for each in first], delimiter=separator), [])


def records(path: Path) -> list[tuple[int, dict[str, object]]]:
    """The objects of a file of JSON lines, with the numbers of their lines.

    Raises:
        DataError: A line holds something else.
    """
    found = []
    for number, line in enumerate(read_limited(path, LARGEST, "JSON lines").splitlines(), 1):
        if line.strip():
            found.append((number, _record(line, path, number)))
    return found


def wrong_line(path: Path, number: int, came: str) -> DataError:
    """What a file of JSON lines that cannot be used is answered with."""
    return DataError(
        expected=f"one JSON object with a label per line in {path}",
        came=f"{came}, in line {number}",
        do="write one object per line",
    )


def _csv(path: Path, separator: str, choose: Choose) -> pa.Table:
    """Everything is text: what looks like a number or a date in a text is none."""
    content = read_limited(path, LARGEST, "CSV")
    try:
        header = csv_header(content, separator)
        wanted = choose(pa.schema([(name, pa.string()) for name in header]), path)
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
    except (ValueError, LookupError, csv.Error, pa.ArrowException, MemoryError) as error:
        raise _no_table(path, error) from error


def _no_table(path: Path, error: Exception) -> DataError:
    return DataError(
        expected=f"a table in UTF-8 with a row of names in {path}",
        came=f"one that cannot be read: {(str(error) or type(error).__name__)[:200]}",
        do="write it again",
    )


def _record(line: bytes, path: Path, number: int) -> dict[str, object]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise wrong_line(path, number, f"{type(error).__name__}: {str(error)[:100]}") from error
    if not isinstance(record, dict):
        raise wrong_line(path, number, type(record).__name__)
    return record


def _ipc_schema(stream: Any) -> pa.Schema:
    try:
        return pa.ipc.open_file(stream).schema
    except pa.ArrowInvalid:
        stream.seek(0)
        return pa.ipc.open_stream(stream).schema


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.readline(_LONGEST_HEADER).strip() or stream.read(_LONGEST_HEADER)
    except OSError as error:
        raise DataError(
            expected=f"to read {path}",
            came=error.strerror or str(error),
            do="check the path and its permissions",
        ) from error


def _is_lines(path: Path) -> bool:
    """Whether a ``.json`` file is JSON lines, and not one object, as COCO's annotations are."""
    first = _beginning(path)
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "annotations" not in record
