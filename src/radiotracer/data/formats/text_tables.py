"""Tables with a column of texts and a column of labels: Parquet, Arrow, CSV and JSON lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from radiotracer.data.arrow_files import FROM_ANY_FILE, damaged
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
from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.format import FORMATS, Format, Options, Place, Written, no_split
from radiotracer.data.hugging_face_disk import in_order
from radiotracer.data.npz import numbered
from radiotracer.data.rewriting import rewrite_tables
from radiotracer.data.rows import Read, Rows, as_numbers, stem, to_texts
from radiotracer.data.shards import SUFFIXES as TYPED
from radiotracer.data.shards import WHOLE, find_shards
from radiotracer.data.table_files import (
    SEPARATORS,
    SUFFIXES,
    held_at,
    read_columns,
    records,
    wrong_line,
)


class TextTables(Format):
    """A file, or a folder of them, whose names tell the splits."""

    name = "text-tables"
    words = "Parquet, Arrow, CSV or JSON lines files of texts and labels"
    order = 500
    options = frozenset(("text_column", "label_column"))

    def matches(self, place: Place, options: Options) -> bool:
        """Tables in which a column has one of the names `TEXTS`, or was named."""
        return held_at(place, options) == "texts"

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the texts of one split; rows without a text are left out and listed."""
        path = place.path
        shards = find_shards(path, SUFFIXES)
        if split is not None and split not in shards.by_split:
            raise no_split(place, split, "data without it")
        read: Read[str] = {
            name: in_order(
                [
                    read_texts(each, stem(each, path), options.text_column, options.label_column)
                    for each in files
                ],
                files[0].parent,
            )
            for name, files in shards.by_split.items()
        }
        every = [each for files in shards.by_split.values() for each in files]
        if all(each.suffix.lower() in SEPARATORS for each in every):
            read = as_numbers(read)
        left_out = [
            LeftOut(stem(file, path), "neither of the split train nor of the split test")
            for file in shards.left_out
        ]
        chosen = WHOLE if WHOLE in read else split or "train"
        return dataclasses.replace(
            to_texts(read, chosen, path, left_out),
            source=f"{path}:{split}" if split else str(path),
            validation=f"{path}:test" if "test" in read and split != "test" else None,
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write the same files with the rows and labels that remain, all columns kept."""
        return rewrite_tables(before, after, folder)


FORMATS.register(TextTables())


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
    if suffix not in SEPARATORS and suffix not in TYPED:
        return _lines(path, name, text, label)
    table = read_columns(path, lambda schema, at: wanted(schema, at, text, label))
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


def wanted(schema: pa.Schema, at: Path | str, text: str | None, label: str | None) -> list[str]:
    """Names of the text column, of the label column and, where there is one, of the ids.

    Raises:
        DataError: There is none, or more than one may be meant.
    """
    features = features_of(schema)
    names = TEXTS if text is None else (text,)
    texts = pick(schema.names, {}, names, "", at, argument="text_column")
    named = LABELS if label is None else (label,)
    kind = "ClassLabel" if label is None else ""
    labels = pick(schema.names, features, named, kind, at, argument="label_column")
    return [texts, labels, *([IDS] if IDS in schema.names else [])]


def _lines(path: Path, name: str, text: str | None, label: str | None) -> Rows[str]:
    items: list[str | None] = []
    labels: list[int | str] = []
    ids: list[str] = []
    columns: Sequence[str] = ()
    for number, record in records(path):
        columns = columns or wanted(
            pa.schema([(key, pa.null()) for key in record]), path, text, label
        )
        item, given, *id = (record.get(key) for key in columns)
        if item is not None and not isinstance(item, str):
            raise wrong_line(path, number, f"a {columns[0]} that is no text")
        if not isinstance(given, str | int) or isinstance(given, bool):
            raise wrong_line(path, number, f"a {columns[1]} that is neither an integer nor text")
        if id and (not isinstance(id[0], str | int) or isinstance(id[0], bool)):
            raise wrong_line(path, number, f"an {IDS} that is neither text nor an integer")
        items.append(item)
        labels.append(given)
        ids += map(str, id)
    if len({type(each) for each in labels}) > 1:
        raise wrong_line(path, 1, "labels that are numbers here and text there")
    return Rows(
        items=items,
        labels=labels,  # type: ignore[arg-type]  # of one type, as was just seen
        names=None,
        ids=ids if IDS in columns else numbered(f"{name}/", len(items)).tolist(),
    )
