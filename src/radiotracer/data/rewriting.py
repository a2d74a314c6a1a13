"""Files of columns written anew with some of their rows, all columns kept."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from radiotracer.data.columns import IDS, LABELS, features_of, names_of, pick
from radiotracer.data.dataset import Dataset
from radiotracer.data.encoded import read_limited
from radiotracer.data.format import CannotWriteError, Written, split_of
from radiotracer.data.hugging_face_disk import STATE
from radiotracer.data.mending import Mending, names_now, pair_into
from radiotracer.data.npz import numbered
from radiotracer.data.rows import stem
from radiotracer.data.shards import WHOLE, find_shards
from radiotracer.data.table_files import LARGEST, SEPARATORS, SUFFIXES, records

ADDED = f"A column {IDS} was added, so that every row keeps its id."


@dataclass(frozen=True)
class _Change:
    """What remains, by id: class names, and whether the label is a new one."""

    labels: Mapping[str, str]
    moved: Mapping[str, bool]
    class_names: tuple[str, ...]
    column: str | None

    def label_column(self, names: list[str], features: Mapping[str, Any], at: Path) -> str:
        names_of_it = LABELS if self.column is None else (self.column,)
        return pick(names, features, names_of_it, "ClassLabel" if self.column is None else "", at)


def rewrite_tables(before: Dataset, after: Dataset, folder: Path) -> Written:
    """Write the CSV, JSON lines or Parquet files of a data set anew.

    Args:
        before: As they were opened.
        after: Some of them, some under other labels.
        folder: An empty folder. Files of other splits are copied as they are.

    Raises:
        CannotWriteError: The files are of Arrow's own formats, or Hugging Face's on the disk.
    """
    base, split = split_of(before.source)
    root = Path(base)
    shards = find_shards(root, SUFFIXES)
    files = shards.by_split.get(WHOLE) or shards.by_split[split or "train"]
    others = [file for parts in shards.by_split.values() for file in parts if file not in files]
    if any(file.suffix.lower() in (".arrow", ".feather") for file in files):
        raise CannotWriteError("Arrow files are only read")
    if any((file.parent / STATE).exists() for file in files):
        raise CannotWriteError("folders that save_to_disk wrote are only read")
    if others and names_now(before, after):
        raise CannotWriteError("files of other splits have classes that are gone")
    was = _names(before)
    now = _names(after)
    # Of merged classes the files have the old names still, whatever `before` calls them.
    merges = Mending.of(after.options).merge
    merged = {pair_into(each, after.class_names)[1] for each in merges}
    change = _Change(
        labels=now,
        moved={id: name != was[id] or name in merged for id, name in now.items()},
        class_names=after.class_names,
        column=before.options.get("label_column"),
    )
    added = False
    for file in files:
        to = folder / (file.name if file == root else file.relative_to(root))
        to.parent.mkdir(parents=True, exist_ok=True)
        added |= _rewrite(file, to, stem(file, root), change)
    for file in others:
        to = folder / file.relative_to(root)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)
    return Written(root.name if root.is_file() else "", ADDED if added else "")


def _names(data: Dataset) -> dict[str, str]:
    names = (data.class_names[label] for label in data.labels.tolist())
    return dict(zip(data.ids.tolist(), names, strict=True))


def _rewrite(file: Path, to: Path, name: str, change: _Change) -> bool:
    """Write one file; returns whether a column of ids was added."""
    suffix = file.suffix.lower()
    if suffix in SEPARATORS:
        return _csv(file, to, name, change, SEPARATORS[suffix])
    return (_parquet if suffix == ".parquet" else _lines)(file, to, name, change)


def _csv(file: Path, to: Path, name: str, change: _Change, separator: str) -> bool:
    text = read_limited(file, LARGEST, "CSV").decode("utf-8-sig")
    csv.field_size_limit(LARGEST)
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = [row for row in rows if row]
    place = header.index(change.label_column(header, {}, file))
    known = IDS in header
    ids = [row[header.index(IDS)] for row in rows] if known else _ids(name, len(rows))
    with to.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
        writer.writerow(header if known else [IDS, *header])
        for id, row in zip(ids, rows, strict=True):
            if id in change.labels:
                if change.moved[id]:
                    row[place] = change.labels[id]
                writer.writerow(row if known else [id, *row])
    return not known


def _lines(file: Path, to: Path, name: str, change: _Change) -> bool:
    every = [record for _, record in records(file)]
    known = any(IDS in record for record in every)
    names = list(dict.fromkeys(key for record in every for key in record))
    column = change.label_column(names, {}, file)
    ids = [str(record.get(IDS)) for record in every] if known else _ids(name, len(every))
    with to.open("w", encoding="utf-8") as stream:
        for id, record in zip(ids, every, strict=True):
            if id in change.labels:
                if change.moved[id]:
                    given = change.labels[id]
                    number = isinstance(record[column], int) and given.isdecimal()
                    record[column] = int(given) if number else given
                line = record if known else {IDS: id, **record}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")
    return not known


def _parquet(file: Path, to: Path, name: str, change: _Change) -> bool:
    with file.open("rb") as stream:
        table = pq.ParquetFile(stream).read()
    features = features_of(table.schema)
    column = change.label_column(table.column_names, features, file)
    known = IDS in table.column_names
    ids = [str(id) for id in table[IDS].to_pylist()] if known else _ids(name, len(table))
    labels: list[Any] = table[column].to_pylist()
    place = {each: at for at, each in enumerate(names_of(features.get(column)) or ())}
    for row, id in enumerate(ids):
        if change.moved.get(id):
            given = change.labels[id]
            number = isinstance(labels[row], int)
            labels[row] = place.get(given, _number(given, change)) if number else given
    field = table.schema.field(column)
    at = table.column_names.index(column)
    table = table.set_column(at, field, pa.array(labels, field.type))
    if not known:
        if features:
            raise CannotWriteError("Hugging Face's list of columns in it has no column of ids")
        table = table.add_column(0, IDS, pa.array(ids, pa.string()))
    kept = [row for row, id in enumerate(ids) if id in change.labels]
    pq.write_table(table.take(kept), to, compression="zstd")
    return not known


def _number(name: str, change: _Change) -> int:
    """Classes without names are called by their numbers, which merging does not change."""
    return int(name) if name.isdecimal() else change.class_names.index(name)


def _ids(name: str, n: int) -> list[str]:
    ids: list[str] = numbered(f"{name}/", n).tolist()
    return ids
