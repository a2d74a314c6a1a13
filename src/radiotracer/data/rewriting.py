"""Files of columns written anew with some of their rows, all columns kept."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from radiotracer.data.columns import features_of, names_of
from radiotracer.data.dataset import Dataset
from radiotracer.data.delimited import LARGEST, parse_header, rows_of
from radiotracer.data.encoded import read_limited
from radiotracer.data.format import CannotWriteError, Options, Place, Written, split_of
from radiotracer.data.hugging_face_disk import STATE
from radiotracer.data.labels import stands_for
from radiotracer.data.mending import names_now
from radiotracer.data.npz import numbered
from radiotracer.data.roles import IDS, Roles
from radiotracer.data.rows import stem
from radiotracer.data.splits import chosen
from radiotracer.data.table_files import DELIMITED, records
from radiotracer.data.tables import tables_at
from radiotracer.errors import DataError

ADDED = f"A column {IDS} was added, so that every row keeps its id."

Ids = Mapping[Path, Sequence[str]]
"""The id of every row of a file, where it is in none of its columns; "" is no example."""


@dataclass(frozen=True)
class _Change:
    """What remains: class names by id, and where labels and ids stand."""

    labels: Mapping[str, str]
    roles: Roles
    ids: Sequence[str] | None

    def ids_of(self, column: Sequence[Any] | None, name: str, n: int) -> tuple[Sequence[str], bool]:
        """The id of every row, and whether a column of them has to be added."""
        if self.ids is not None:
            return self.ids, False
        if column is not None:
            return [str(each) for each in column], False
        ids: list[str] = numbered(f"{name}/", n).tolist()
        return ids, True


def rewrite_tables(
    before: Dataset, after: Dataset, folder: Path, ids: Ids | None = None
) -> Written:
    """Write the CSV, JSON or Parquet files of a data set anew.

    Args:
        before: As they were opened.
        after: Some of them, some under other labels.
        folder: An empty folder. Files of other splits are copied as they are.
        ids: Those of each file, where its rows are not known by a column or their number.

    Raises:
        CannotWriteError: The files are gone, of Arrow's own formats, or Hugging Face's on the disk.
    """
    base, split = split_of(before.source)
    root = Path(base)
    options = Options.of(before.options)
    try:
        tables = tables_at(Place(base))
    except DataError as error:
        raise CannotWriteError(str(error)) from error
    if tables is None:
        raise CannotWriteError(f"there is no table {root} any more")
    by_split = tables.shards.by_split
    files = by_split[chosen(by_split, split, root)]
    others = [file for parts in by_split.values() for file in parts if file not in files]
    if any(file.suffix.lower() in (".arrow", ".feather") for file in files):
        raise CannotWriteError("Arrow files are only read")
    if any((file.parent / STATE).exists() for file in files):
        raise CannotWriteError("folders that save_to_disk wrote are only read")
    if others and names_now(before, after):
        raise CannotWriteError("files of other splits have classes that are gone")
    labels = {
        name: after.class_names[label]
        for name, label in zip(after.ids.tolist(), after.labels.tolist(), strict=True)
    }
    roles = tables.roles(options)
    added = False
    for file in files:
        to = folder / (file.name if file == root else file.relative_to(root))
        to.parent.mkdir(parents=True, exist_ok=True)
        change = _Change(labels, roles, None if ids is None else ids[file])
        added |= _rewrite(file, to, stem(file, root), change)
    for file in others:
        to = folder / file.relative_to(root)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    return Written(root.name if root.is_file() else "", ADDED if added else "")


def _rewrite(file: Path, to: Path, name: str, change: _Change) -> bool:
    """Write one file; returns whether a column of ids was added."""
    suffix = file.suffix.lower()
    if suffix in DELIMITED:
        return _csv(file, to, name, change)
    return (_parquet if suffix == ".parquet" else _json)(file, to, name, change)


def _csv(file: Path, to: Path, name: str, change: _Change) -> bool:
    found = parse_header(read_limited(file, LARGEST, "CSV"), file, file.suffix.lower())
    rows = rows_of(found)
    place = found.names.index(change.roles.label)
    at = None if change.roles.id is None else found.names.index(change.roles.id)
    ids, added = change.ids_of(None if at is None else [row[at] for row in rows], name, len(rows))
    header = ["" if each in found.unnamed else each for each in found.names]
    with to.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=found.separator, lineterminator="\n")
        writer.writerow([IDS, *header] if added else header)
        for id, row in zip(ids, rows, strict=True):
            if id in change.labels:
                if not stands_for(row[place], change.labels[id]):
                    row[place] = change.labels[id]
                writer.writerow([id, *row] if added else row)
    return added


def _json(file: Path, to: Path, name: str, change: _Change) -> bool:
    every = records(file)
    label, id_column = change.roles.label, change.roles.id
    known = None if id_column is None else [record.get(id_column) for record in every]
    ids, added = change.ids_of(known, name, len(every))
    kept = []
    for id, record in zip(ids, every, strict=True):
        if id in change.labels:
            record[label] = _like(record.get(label), change.labels[id])
            kept.append({IDS: id, **record} if added else record)
    with to.open("w", encoding="utf-8") as stream:
        if file.read_bytes().lstrip()[:1] == b"[":
            json.dump(kept, stream, ensure_ascii=False, indent=1)
        else:
            stream.writelines(json.dumps(each, ensure_ascii=False) + "\n" for each in kept)
    return added


def _parquet(file: Path, to: Path, name: str, change: _Change) -> bool:
    with file.open("rb") as stream:
        table = pq.ParquetFile(stream).read()
    features = features_of(table.schema)
    column, id_column = change.roles.label, change.roles.id
    known = None if id_column is None else table[id_column].to_pylist()
    ids, added = change.ids_of(known, name, len(table))
    labels: list[Any] = table[column].to_pylist()
    names = names_of(features.get(column))
    for row, id in enumerate(ids):
        if id in change.labels:
            labels[row] = _like(labels[row], change.labels[id], names)
    field = table.schema.field(column)
    table = table.set_column(table.column_names.index(column), field, pa.array(labels, field.type))
    if added:
        if features:
            raise CannotWriteError("Hugging Face's list of columns in it has no column of ids")
        table = table.add_column(0, IDS, pa.array(ids, pa.string()))
    kept = [row for row, id in enumerate(ids) if id in change.labels]
    pq.write_table(table.take(kept), to, compression="zstd")
    return added


def _like(value: Any, name: str, names: tuple[str, ...] | None = None) -> Any:
    """The label of a class, as the file writes labels: as it was where it is of the class."""
    if stands_for(value, name, names):
        return value
    if names is not None:
        if name not in names:
            raise CannotWriteError(f"the file has no class {name}")
        return names.index(name)
    try:
        return name == "True" if isinstance(value, bool) else type(value)(name)
    except (TypeError, ValueError) as error:
        raise CannotWriteError(f"its labels cannot be {name!r}") from error
