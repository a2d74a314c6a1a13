"""Data sets of Hugging Face's package datasets, as they lie in memory."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from radiotracer.data.columns import image_column, is_image, text_column
from radiotracer.data.dataset import Dataset
from radiotracer.data.format import Options
from radiotracer.data.pixels import require_image_size
from radiotracer.data.roles import Roles, roles_of
from radiotracer.data.rows import PLACE, Read, Rows, to_examples, to_texts
from radiotracer.data.splits import WHOLE, chosen, named, one_of_each
from radiotracer.data.table_files import File, peek_at, widened
from radiotracer.data.table_rows import to_rows
from radiotracer.data.tables import labels_and_ids
from radiotracer.errors import DataError

DEFAULTS = Options()
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
    opened = chosen(splits, named(split) if split else None, PLACE)
    first = splits[opened]
    roles = roles_of(
        peek_at(_beginning(first), PLACE),
        options,
        lambda _: False,
        PLACE,
    )
    rows: dict[str, list[Rows[Any]]] = {}
    parts: dict[str, list[File]] = {}
    for name, each in splits.items():
        if name != opened and roles.label not in each.column_names:
            continue
        small = [column for column in (roles.label, roles.id) if column is not None]
        if roles.holds == "rows":
            small = [column for column in each.column_names if column not in roles.ignored]
        file = File(_table(each, small), _prefix(each, name), typed=True)
        labels, ids = labels_and_ids(file, roles, PLACE)
        parts.setdefault(name, []).append(file)
        rows.setdefault(name, []).append(Rows(_items(each, roles), labels, ids))
    read: Read[Any] = Read(rows, opened, PLACE, notes=roles.notes)
    if roles.holds == "rows":
        return _alone(to_rows(read, parts, roles, options.like))
    if roles.holds == "texts":
        return _alone(to_texts(read))
    return _alone(to_examples(read, image_size=options.image_size, decoding=options.decoding))


def _alone(found: Dataset) -> Dataset:
    """No DATA argument names the other split."""
    return dataclasses.replace(found, validation=None)


def _items(data: Any, roles: Roles) -> Sequence[Any]:
    """Images where they lie, or texts; None of rows, which are taken as a whole."""
    if roles.item is None:
        return [None] * len(data)
    items: list[Any] = []
    take = text_column if roles.holds == "texts" else image_column
    # In stretches: shuffled rows are gathered, and too many at once overflow Arrow's offsets.
    for table in data.select_columns([roles.item]).with_format("arrow").iter(batch_size=_AT_ONCE):
        items += take(table[roles.item], PLACE)
    return items


def _beginning(data: Any) -> pa.Table:
    """The first rows; of images nothing but that they are there."""
    schema = data.features.arrow_schema
    small = [field.name for field in schema if not is_image(field.type)]
    if not small:
        return schema.empty_table()
    return widened(_table(data.select(range(min(_AT_ONCE, len(data)))), small), schema)


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
    return one_of_each([(name, each) for name, each in data.items() if named(name)], PLACE)


def _table(data: Any, columns: list[str]) -> pa.Table:
    found = data.select_columns(columns).with_format("arrow")[:]
    # Whatever a version of the package gives, the types of the columns are those of the features.
    return found.replace_schema_metadata(data.features.arrow_schema.metadata)


def _prefix(data: Any, split: str) -> str:
    return str(split or data.split or "")
