"""Tables whose rows are the examples: numbers and categories in Parquet, Arrow, CSV and JSON."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.dataset import Dataset
from radiotracer.data.format import FORMATS, Format, Options, Place, Written
from radiotracer.data.hugging_face_disk import require_no_indices
from radiotracer.data.rewriting import rewrite_tables
from radiotracer.data.table_rows import read_parts, to_rows
from radiotracer.data.tables import held_at, tables_at


class RowTables(Format):
    """A file, or a folder of them, whose names tell the splits.

    Rows that do not fit the columns are left out and listed.
    """

    name = "row-tables"
    words = "the same kinds of files of numbers, categories and labels"
    order = 510
    options = frozenset(("label_column", "id_column"))

    def matches(self, place: Place, options: Options) -> bool:
        """Tables in which no column is one of images or of texts."""
        return held_at(place, options) == "rows"

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the rows of one split."""
        tables = tables_at(place)
        assert tables is not None  # noqa: S101
        for files in tables.shards.by_split.values():
            require_no_indices(files[0].parent)
        roles = tables.roles(options)
        read, parts = read_parts(tables, split, roles)
        return to_rows(read, parts, roles, options.like)

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write the same files with the rows and labels that remain, all columns kept."""
        return rewrite_tables(before, after, folder)


FORMATS.register(RowTables())
