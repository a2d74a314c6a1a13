"""Data sets of Hugging Face's package datasets, as they lie in memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from radiotracer.data.columns import (
    IDS,
    features_of,
    id_column,
    image_column,
    label_column,
    names_of,
    text_column,
)
from radiotracer.data.dataset import Dataset
from radiotracer.data.encoded import Encoded
from radiotracer.data.format import Options
from radiotracer.data.formats.image_tables import wanted as image_columns
from radiotracer.data.formats.text_tables import wanted as text_columns
from radiotracer.data.npz import numbered
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rows import Rows, to_examples, to_texts
from radiotracer.data.shards import WHOLE
from radiotracer.data.table_files import Header, holds
from radiotracer.data.table_rows import Part, to_rows
from radiotracer.errors import DataError

DEFAULTS = Options()
PLACE = "the data set in memory"
"""What errors call it, and the examples' source: no DATA argument opens it again."""

_HELD_OUT = ("test", "validation", "valid", "val", "dev")
_AT_ONCE = 1000


def from_hugging_face(
    data: Any, *, split: str | None = None, options: Options = DEFAULTS
) -> Dataset:
    """The examples of a `datasets.Dataset` or `datasets.DatasetDict`.

    What its columns make of it (images, texts or rows of a table), and what they may hold, is as in
    Parquet files (see `open_data`). Encoded images are read where they lie, which for a data set on
    the disk is a map of its files: nothing is copied but rows that were shuffled or filtered. Ids
    are the column `IDS`, or the split and the row (``"train/00042"``; the row alone where there is
    no split).

    Args:
        data: The data set; it is left as it is, its format too.
        split: ``"train"`` or ``"test"`` (for which a validation split stands in) of a dictionary;
            None is its training split.
        options: What `open_data` was told.

    Returns:
        Data without `validation`: the test split is opened by ``split="test"``.

    Raises:
        DataError: No such data set, one that is streamed, a split that is not there, or columns and
            images that cannot be used.
    """
    require_image_size(options.image_size)
    splits = _splits(data)
    chosen = (split or "train") if WHOLE not in splits else WHOLE
    if chosen not in splits or (split is not None and chosen == WHOLE):
        raise DataError(
            expected=f"a {split or 'train'} split in {PLACE}",
            came=", ".join(map(str, data)) if isinstance(data, Mapping) else "a single data set",
            do="give the data set that is meant",
        )
    first = splits[chosen]
    kind = holds(Header(first.column_names, first.features.to_dict()), options.text_column)
    label = options.label_column
    if kind == "images":
        read = {name: [_images(each, name, label)] for name, each in splits.items()}
        return to_examples(
            read, chosen, PLACE, image_size=options.image_size, decoding=options.decoding
        )
    if kind == "texts":
        texts = {
            name: [_texts(each, name, options.text_column, label)] for name, each in splits.items()
        }
        return to_texts(texts, chosen, PLACE)
    parts = {
        name: [Part(_table(each, each.column_names), _prefix(each, name), typed=True)]
        for name, each in splits.items()
    }
    return to_rows(parts, chosen, PLACE, label, options.like)


def _splits(data: Any) -> dict[str, Any]:
    datasets = sys.modules.get("datasets")  # whoever has one of its data sets has loaded it
    if datasets is not None and isinstance(data, datasets.Dataset):
        return {WHOLE: data}
    if datasets is None or not isinstance(data, datasets.DatasetDict):
        raise DataError(
            expected="a DATA argument, or a datasets.Dataset or DatasetDict",
            came=type(data).__name__,
            do="write what is streamed with to_parquet, and give the path",
        )
    held_out = next((name for name in _HELD_OUT if name in data), None)
    found = {"train": data.get("train"), "test": data[held_out] if held_out else None}
    return {name: each for name, each in found.items() if each is not None}


def _images(data: Any, split: str, label: str | None) -> Rows[Encoded]:
    schema = data.features.arrow_schema
    columns = image_columns(schema, PLACE, label)
    items: list[Encoded | None] = []
    labels: list[Any] = []
    ids: list[str] = []
    # In stretches: shuffled rows are gathered, and too many at once overflow Arrow's offsets.
    for table in data.select_columns(columns).with_format("arrow").iter(batch_size=_AT_ONCE):
        items += image_column(table[columns[0]], PLACE)
        labels += label_column(table[columns[1]], PLACE)
        ids += id_column(table[IDS], PLACE) if IDS in columns else []
    return Rows(
        items=items,
        labels=labels,
        names=names_of(features_of(schema).get(columns[1])),
        ids=ids if IDS in columns else _numbered(data, split, len(items)),
    )


def _texts(data: Any, split: str, text: str | None, label: str | None) -> Rows[str]:
    schema = data.features.arrow_schema
    columns = text_columns(schema, PLACE, text, label)
    table = _table(data, columns)
    return Rows(
        items=text_column(table[columns[0]], PLACE),
        labels=label_column(table[columns[1]], PLACE),
        names=names_of(features_of(schema).get(columns[1])),
        ids=id_column(table[IDS], PLACE) if IDS in columns else _numbered(data, split, len(table)),
    )


def _table(data: Any, columns: list[str]) -> pa.Table:
    found = data.select_columns(columns).with_format("arrow")[:]
    # Whatever a version of the package gives, the types of the columns are those of the features.
    return found.replace_schema_metadata(data.features.arrow_schema.metadata)


def _prefix(data: Any, split: str) -> str:
    return str(split or data.split or "")


def _numbered(data: Any, split: str, n: int) -> list[str]:
    ids: list[str] = numbered(f"{_prefix(data, split)}/".removeprefix("/"), n).tolist()
    return ids
