"""Tables whose rows are the examples: numbers and categories in Parquet, Arrow, CSV, JSON lines."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa

from radiotracer.data.dataset import Dataset
from radiotracer.data.format import FORMATS, Format, Options, Place, Written, no_split
from radiotracer.data.hugging_face_disk import require_no_indices
from radiotracer.data.rewriting import rewrite_tables
from radiotracer.data.rows import stem
from radiotracer.data.shards import SUFFIXES as TYPED
from radiotracer.data.shards import WHOLE, find_shards
from radiotracer.data.table_files import SEPARATORS, SUFFIXES, held_at, read_columns, records
from radiotracer.data.table_rows import Part, to_rows
from radiotracer.errors import DataError


class RowTables(Format):
    """A file, or a folder of them, whose names tell the splits."""

    name = "row-tables"
    words = "the same kinds of files of numbers, categories and labels"
    order = 510
    options = frozenset(("label_column",))

    def matches(self, place: Place, options: Options) -> bool:
        """Tables in which no column is one of images or of texts."""
        return held_at(place, options) == "rows"

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the rows of one split; those that do not fit the columns are left out and listed."""
        path = place.path
        shards = find_shards(path, SUFFIXES)
        if split is not None and split not in shards.by_split:
            raise no_split(place, split, "data without it")
        for files in shards.by_split.values():
            require_no_indices(files[0].parent)
        read = {
            name: [_read(file, stem(file, path)) for file in files]
            for name, files in shards.by_split.items()
        }
        found = to_rows(
            read,
            WHOLE if WHOLE in read else split or "train",
            path,
            options.label_column,
            options.like,
        )
        return dataclasses.replace(
            found,
            source=f"{path}:{split}" if split else str(path),
            validation=f"{path}:test" if "test" in read and split != "test" else None,
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write the same files with the rows and labels that remain, all columns kept."""
        return rewrite_tables(before, after, folder)


FORMATS.register(RowTables())


def _read(path: Path, name: str) -> Part:
    suffix = path.suffix.lower()
    if suffix in SEPARATORS or suffix in TYPED:
        table = read_columns(path, lambda schema, _: schema.names)
        return Part(table, name, typed=suffix in TYPED)
    every = [record for _, record in records(path)]
    names = list(dict.fromkeys(key for record in every for key in record))
    try:
        columns = {key: pa.array([record.get(key) for record in every]) for key in names}
        return Part(pa.table(columns), name, typed=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise DataError(
            expected=f"values of one type in each column of {path}",
            came=str(error)[:200],
            do="write numbers as numbers and categories as text",
        ) from error
