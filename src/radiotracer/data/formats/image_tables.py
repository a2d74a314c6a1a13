"""Parquet and Arrow files with a column of encoded images and a column of labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pyarrow as pa

from radiotracer.data.arrow_files import FROM_ANY_FILE, damaged, read_table
from radiotracer.data.columns import (
    IDS,
    IMAGES,
    LABELS,
    features_of,
    id_column,
    image_column,
    label_column,
    names_of,
    pick,
)
from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.decoding import IN_MEMORY, Decoding
from radiotracer.data.encoded import Encoded
from radiotracer.data.format import FORMATS, Format, Options, Place, Written, no_split
from radiotracer.data.hugging_face_disk import in_order
from radiotracer.data.npz import numbered
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rewriting import rewrite_tables
from radiotracer.data.rows import Rows, stem, to_examples
from radiotracer.data.shards import WHOLE, find_shards
from radiotracer.data.table_files import held_at


class ImageTables(Format):
    """A file, or the folder of a Hugging Face data set, whose file names tell the splits."""

    name = "image-tables"
    words = "Parquet or Arrow files of images and labels"
    order = 400
    options = frozenset(("image_size", "label_column"))

    def matches(self, place: Place, options: Options) -> bool:
        """Tables in which a column is one of images by its name or type."""
        return held_at(place, options) == "images"

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the images of one split."""
        shards = find_shards(place.path)
        if split is not None and split not in shards.by_split:
            whole = WHOLE in shards.by_split
            raise no_split(place, split, f"files of {'no split' if whole else 'one split'}")
        found = open_arrow(
            place.path,
            split=None if WHOLE in shards.by_split else split or "train",
            image_size=options.image_size,
            label=options.label_column,
            decoding=options.decoding,
        )
        return dataclasses.replace(
            found,
            source=f"{place.path}:{split}" if split else str(place.path),
            validation=f"{place.path}:test"
            if "test" in shards.by_split and split != "test"
            else None,
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write the same files with the rows and labels that remain, all columns kept."""
        return rewrite_tables(before, after, folder)


FORMATS.register(ImageTables())


def open_arrow(
    root: Path,
    *,
    split: str | None = None,
    image_size: int | None = None,
    label: str | None = None,
    decoding: Decoding = IN_MEMORY,
) -> Dataset:
    """Read a Parquet, Arrow or Feather file, or the folder of a Hugging Face data set.

    The image column holds encoded images (what `decode` reads) as bytes, or as Hugging Face's
    ``{bytes, path}``; a path alone is never followed. The label column holds class numbers, named
    by the ``ClassLabel`` of Hugging Face's metadata where there is one, or names of classes, which
    are sorted. Columns are found by `IMAGES` and `LABELS`, or else by Hugging Face's types. Ids are
    the column `IDS`, or the path from `root` without its ending, and the row
    (``"data/train-00000-of-00001/00042"``). Images that cannot be decoded, and files of splits
    that are neither train nor test, are left out and listed in `Dataset.left_out`. Of a folder
    that `save_to_disk` wrote only the files count that its state.json names, in the order of its
    indices where it has some.

    Args:
        root: The file or folder.
        split: ``"train"`` or ``"test"`` of a folder that has splits; None for what has none.
        image_size: Resize every image to this height and width (Lanczos), 1 to 4096.
        label: The label column, where its name is none of `LABELS`.
        decoding: Where the pixels go; the encoded images are read into memory.

    Raises:
        DataError: A damaged file, a missing shard or column, two columns that may be meant, a
            label that is missing or of another type, a class of the test split that the training
            split does not have, no readable image, or several sizes without `image_size`.
    """
    require_image_size(image_size)
    shards = find_shards(root)
    read = {
        name: in_order([_read(file, stem(file, root), label) for file in files], files[0].parent)
        for name, files in shards.by_split.items()
    }
    return to_examples(
        read,
        split or WHOLE,
        root.absolute(),
        image_size=image_size,
        decoding=decoding,
        left_out=[
            LeftOut(stem(file, root), "neither of the split train nor of the split test")
            for file in shards.left_out
        ],
    )


def _read(path: Path, name: str, label: str | None) -> Rows[Encoded]:
    table = read_table(path, lambda schema, at: wanted(schema, at, label))
    try:
        image, label, *ids = table.column_names
        return Rows(
            items=image_column(table[image], path),
            labels=label_column(table[label], path),
            names=names_of(features_of(table.schema).get(label)),
            ids=id_column(table[IDS], path) if ids else numbered(f"{name}/", len(table)).tolist(),
        )
    except FROM_ANY_FILE as error:
        raise damaged(path, error) from error


def wanted(schema: pa.Schema, at: Path | str, label: str | None) -> list[str]:
    """Names of the image column, of the label column and, where there is one, of the ids.

    Raises:
        DataError: There is none, or more than one may be meant.
    """
    features = features_of(schema)
    names = LABELS if label is None else (label,)
    image = pick(schema.names, features, IMAGES, "Image", at)
    kind = "ClassLabel" if label is None else ""
    labels = pick(schema.names, features, names, kind, at, argument="label_column")
    return [image, labels, *([IDS] if IDS in schema.names else [])]
