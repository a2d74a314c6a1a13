"""Files of columns: Parquet, Arrow, CSV and JSON, one or a folder of them, with splits."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from radiotracer.data.arrow_files import FROM_ANY_FILE, damaged, read_table
from radiotracer.data.columns import features_of, is_image, is_number, is_text, plain
from radiotracer.data.dataset import LeftOut
from radiotracer.data.delimited import LARGEST, parse_header, read_delimited, sample
from radiotracer.data.encoded import read_limited
from radiotracer.data.roles import IDS, Peek
from radiotracer.data.rows import stem
from radiotracer.data.shards import SUFFIXES as TYPED
from radiotracer.errors import DataError

DELIMITED = frozenset((".csv", ".tsv", ".tab", ".psv"))
"""Endings of tables without types."""

LINES = frozenset((".jsonl", ".ndjson", ".json"))
"""Endings of JSON: an object per line, or one list of objects."""

SUFFIXES = TYPED | DELIMITED | (LINES - {".json"})
"""File names that are taken for tables, whatever their case; ``.json`` only by itself."""

_BEGINNING = 1 << 20
_LOOKED_AT = 1000


@dataclass(frozen=True)
class File:
    """Columns of one file.

    Args:
        table: Some of its columns, or all.
        name: What ids of its rows begin with where there is no column of them.
        typed: Whether text is text: in CSV all is.
        left_out: Rows that cannot be read.
        notes: What was not as usual.
    """

    table: pa.Table
    name: str
    typed: bool
    left_out: Sequence[LeftOut] = ()
    notes: Sequence[str] = ()

    def feature(self, column: str) -> object:
        """Hugging Face's type of a column, where there is one."""
        return features_of(self.table.schema).get(column)


def peek(path: Path) -> Peek:
    """The beginning of a file.

    Raises:
        DataError: It is damaged.
    """
    suffix = path.suffix.lower()
    if suffix in DELIMITED:
        found = parse_header(_beginning(path), path, suffix)
        values = list(zip(*sample(found, _LOOKED_AT), strict=True)) or [()] * len(found.names)
        return Peek(
            found.names,
            dict.fromkeys(found.names, "text"),
            dict(zip(found.names, values, strict=True)),
            typed=False,
            unnamed=found.unnamed,
        )
    if suffix not in TYPED:
        return _of_records([record for _, record in itertools.islice(_records(path), _LOOKED_AT)])
    try:
        with path.open("rb") as stream:
            beginning = _first_parquet(stream) if suffix == ".parquet" else _first_ipc(stream)
            # Offsets in a damaged file may lead out of it.
            beginning.validate(full=True)
            return peek_at(beginning, path)
    except FROM_ANY_FILE as error:
        raise damaged(path, error) from error


def peek_at(table: pa.Table, at: object) -> Peek:
    """The beginning of a table that is there.

    Raises:
        DataError: Two columns have the same name.
    """
    twice = [name for name, count in Counter(table.column_names).items() if count > 1]
    if twice:
        raise DataError(
            expected=f"columns with different names in {at}",
            came=f"the name {twice[0]} twice",
            do="rename one of them",
        )
    kinds = {}
    values: dict[str, Sequence[Any]] = {}
    for name in table.column_names:
        column = plain(table[name])
        kind = column.type
        shown = is_text(kind) or is_number(kind) or pa.types.is_boolean(kind)
        kinds[name] = (
            "bytes"
            if is_image(kind)
            else "text"
            if is_text(kind)
            else "number"
            if shown
            else "other"
        )
        values[name] = column.slice(0, _LOOKED_AT).to_pylist() if shown else ()
    return Peek(table.column_names, kinds, values, features_of(table.schema))


def read_file(path: Path, root: Path, wanted: Sequence[str] | None = None) -> File:
    """Columns of a file, all of them or those that are wanted, in that order.

    Raises:
        DataError: It is damaged, or a column is missing.
    """
    suffix, name = path.suffix.lower(), stem(path, root)
    if suffix in TYPED:
        return File(
            read_table(path, lambda schema, at: _there(schema.names, wanted, at)), name, True
        )
    if suffix in DELIMITED:
        found = parse_header(read_limited(path, LARGEST, "CSV"), path, suffix)
        table, wrong = read_delimited(found, _there(found.names, wanted, path), path)
        return File(table, name, False, wrong, found.notes(suffix))
    every = list(_records(path))
    names = list(dict.fromkeys(key for _, record in every for key in record))
    columns = {key: _column(every, key, path) for key in _there(names, wanted, path)}
    return File(pa.table(columns), name, True)


def records(path: Path) -> list[dict[str, object]]:
    """The objects of a file of JSON.

    Raises:
        DataError: Something else stands there.
    """
    return [record for _, record in _records(path)]


def is_list_of_records(path: Path) -> bool:
    """Whether a ``.json`` file is objects, per line or in a list, and not what COCO writes."""
    try:
        first = next(iter(_records(path)), None)
    except DataError:
        return False
    return first is not None and bool(first[1]) and "annotations" not in first[1]


def _there(names: Sequence[str], wanted: Sequence[str] | None, at: Path) -> Sequence[str]:
    if wanted is None:
        return names
    missing = [each for each in wanted if each not in names]
    if missing:
        raise DataError(
            expected=f"a column called {missing[0]} in {at}",
            came=f"columns {', '.join(names[:10])}{', …' * (len(names) > 10)}",
            do="give all files the same columns",
        )
    return wanted


def _of_records(found: Sequence[Mapping[str, object]]) -> Peek:
    names = list(dict.fromkeys(key for record in found for key in record))
    values = {name: [record.get(name) for record in found] for name in names}
    kinds = {}
    for name, column in values.items():
        types = {type(each) for each in column if each is not None}
        kinds[name] = (
            "text" if types == {str} else "number" if types <= {int, float, bool} else "other"
        )
    shown = {name: v if kinds[name] in ("text", "number") else () for name, v in values.items()}
    return Peek(names, kinds, shown)


def _records(path: Path) -> Any:
    """The objects of a file, each with the number of its line, or its place in the list."""
    content = read_limited(path, LARGEST, "JSON").removeprefix(b"\xef\xbb\xbf")
    if content.lstrip()[:1] == b"[":
        try:
            listed = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _wrong(path, 1, f"{type(error).__name__}: {str(error)[:80]}") from error
        for place, record in enumerate(listed, 1):
            if not isinstance(record, dict):
                raise _wrong(path, place, type(record).__name__)
            yield place, record
        return
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            yield number, _record(line, path, number)


def _record(line: bytes, path: Path, number: int) -> dict[str, object]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, number, f"{type(error).__name__}: {str(error)[:80]}") from error
    if not isinstance(record, dict):
        raise _wrong(path, number, type(record).__name__)
    return record


def _column(every: Sequence[tuple[int, dict[str, object]]], key: str, path: Path) -> pa.Array:
    """Values of one type; where they are not, the first line that differs is named."""
    values = [record.get(key) for _, record in every]
    try:
        return pa.array(values)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    if key == IDS and {type(each) for each in values} <= {str, int}:
        return pa.array(map(str, values))
    first = next(type(each) for each in values if each is not None)
    alike = (int, float) if first in (int, float) else (first,)
    for number, record in every:
        value = record.get(key)
        if value is not None and type(value) not in alike:
            raise _wrong(path, number, f"{type(value).__name__} beside {first.__name__} in {key!r}")
        try:
            pa.array([value])
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            what = "text that UTF-8 cannot hold" if first is str else "what no column can hold"
            raise _wrong(path, number, f"{what} in {key!r}") from error
    raise _wrong(path, 1, f"values of several kinds in {key!r}")


def _wrong(path: Path, number: int, came: str) -> DataError:
    return DataError(
        expected=f"JSON objects alike in {path}, one per line",
        came=f"{came}, in line {number}",
        do="write it again",
    )


def _first_parquet(stream: Any) -> pa.Table:
    file = pq.ParquetFile(stream)
    schema = file.schema_arrow
    # Encoded images are not read for a look.
    small = [field.name for field in schema if not is_image(field.type)]
    empty = schema.empty_table()
    if not small:
        return empty
    batch = next(file.iter_batches(batch_size=_LOOKED_AT, columns=small), None)
    return empty if batch is None else widened(pa.Table.from_batches([batch]), schema)


def _first_ipc(stream: Any) -> pa.Table:
    try:
        file = pa.ipc.open_file(stream)
        schema = file.schema
        batch = file.get_batch(0) if file.num_record_batches else None
    except pa.ArrowInvalid:
        stream.seek(0)
        reader = pa.ipc.open_stream(stream)
        schema = reader.schema
        batch = next(iter(reader), None)
    if batch is None:
        return schema.empty_table()
    return pa.Table.from_batches([batch.slice(0, _LOOKED_AT)], schema)


def widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """With the columns that were not read, empty."""
    arrays = [
        table[field.name] if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def _beginning(path: Path) -> bytes:
    """The first lines; a last one that is cut is left out."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_BEGINNING)
    except OSError as error:
        raise DataError(
            expected=f"to read {path}",
            came=error.strerror or str(error),
            do="check the path and its permissions",
        ) from error
    if len(content) < _BEGINNING or b"\n" not in content:
        return content
    return content[: content.rindex(b"\n") + 1]


def without(file: File, columns: Sequence[str]) -> File:
    """The same without some columns."""
    kept = [name for name in file.table.column_names if name not in columns]
    return replace(file, table=file.table.select(kept))
