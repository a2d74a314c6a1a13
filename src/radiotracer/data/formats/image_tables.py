"""Parquet and Arrow files with a column of encoded images and a column of labels."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.columns import image_column
from radiotracer.data.dataset import Dataset
from radiotracer.data.format import FORMATS, Format, Options, Place, Written
from radiotracer.data.hugging_face_disk import in_order
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rewriting import rewrite_tables
from radiotracer.data.rows import to_examples
from radiotracer.data.tables import held_at, read_every, tables_at


class ImageTables(Format):
    """A file, or the folder of a Hugging Face data set, whose file names tell the splits.

    The image column holds encoded images as bytes, or as Hugging Face's ``{bytes, path}``, whose
    path is never followed. Ids are the column of ids, or the path from the root without its ending
    and the row (``"data/train-00000-of-00001/00042"``). Of a folder that `save_to_disk` wrote only
    the files count that its state.json names, in the order of its indices where it has some.
    """

    name = "image-tables"
    words = "Parquet or Arrow files of images and labels"
    order = 400
    options = frozenset(("image_size", "image_column", "label_column", "id_column"))

    def matches(self, place: Place, options: Options) -> bool:
        """Tables in which a column is one of images by its name or type."""
        return held_at(place, options) == "images"

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the images of one split."""
        require_image_size(options.image_size)
        tables = tables_at(place)
        assert tables is not None  # noqa: S101
        roles = tables.roles(options)
        read = read_every(
            tables,
            split,
            roles,
            lambda file, path, _: image_column(file.table[roles.item], path),
            columns=roles.columns,
        )
        return to_examples(
            in_order(read, tables.shards.by_split),
            image_size=options.image_size,
            decoding=options.decoding,
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write the same files with the rows and labels that remain, all columns kept."""
        return rewrite_tables(before, after, folder)


FORMATS.register(ImageTables())
