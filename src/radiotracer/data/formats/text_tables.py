"""Tables with a column of texts and a column of labels: Parquet, Arrow, CSV and JSON."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.columns import text_column
from radiotracer.data.dataset import Dataset
from radiotracer.data.format import FORMATS, Format, Options, Place, Written
from radiotracer.data.hugging_face_disk import in_order
from radiotracer.data.rewriting import rewrite_tables
from radiotracer.data.rows import to_texts
from radiotracer.data.tables import held_at, read_every, tables_at


class TextTables(Format):
    """A file, or a folder of them, whose names tell the splits; rows without a text are left out.

    The columns are found as `radiotracer.data.roles` says.
    """

    name = "text-tables"
    words = "Parquet, Arrow, CSV or JSON files of texts and labels"
    order = 500
    options = frozenset(("text_column", "label_column", "id_column"))

    def matches(self, place: Place, options: Options) -> bool:
        """Tables in which a column is one of texts."""
        return held_at(place, options) == "texts"

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the texts of one split."""
        tables = tables_at(place)
        assert tables is not None  # noqa: S101
        roles = tables.roles(options)
        read = read_every(
            tables,
            split,
            roles,
            lambda file, path, _: text_column(file.table[roles.item], path),
            columns=roles.columns,
        )
        return to_texts(in_order(read, tables.shards.by_split))

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write the same files with the rows and labels that remain, all columns kept."""
        return rewrite_tables(before, after, folder)


FORMATS.register(TextTables())
