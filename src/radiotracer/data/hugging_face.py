"""Data sets of Hugging Face's package datasets, as they lie in memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from radiotracer.data.columns import (
    IDS,
    IMAGES,
    LABELS,
    id_column,
    image_column,
    label_column,
    names_of,
    pick,
)
from radiotracer.data.dataset import Dataset
from radiotracer.data.decoding import IN_MEMORY, Decoding
from radiotracer.data.encoded import Encoded
from radiotracer.data.npz import numbered
from radiotracer.data.pixels import require_image_size
from radiotracer.data.rows import Rows, to_examples
from radiotracer.data.shards import WHOLE
from radiotracer.errors import DataError

PLACE = "the data set in memory"
"""What errors call it, and the examples' source: no DATA argument opens it again."""

_HELD_OUT = ("test", "validation", "valid", "val", "dev")
_AT_ONCE = 1000


def from_hugging_face(
    data: Any,
    *,
    split: str | None = None,
    image_size: int | None = None,
    decoding: Decoding = IN_MEMORY,
) -> Dataset:
    """The examples of a `datasets.Dataset` or `datasets.DatasetDict`.

    The image and the label column, and what they may hold, are those of Parquet files (see
    `open_arrow`). Encoded images are read where they lie, which for a data set on the disk is a
    map of its files: nothing is copied but rows that were shuffled or filtered. Ids are the column
    `IDS`, or the split and the row (``"train/00042"``; the row alone where there is no split).

    Args:
        data: The data set; it is left as it is, its format too.
        split: ``"train"`` or ``"test"`` (for which a validation split stands in) of a dictionary;
            None is its training split.
        image_size: Resize every image to this height and width (Lanczos), 1 to 4096.
        decoding: Where the pixels go.

    Returns:
        Examples without `queries`: the test split is opened by ``split="test"``.

    Raises:
        DataError: No such data set, one that is streamed, a split that is not there, or columns and
            images that cannot be used.
    """
    require_image_size(image_size)
    splits = _splits(data)
    chosen = (split or "train") if WHOLE not in splits else WHOLE
    if chosen not in splits or (split is not None and chosen == WHOLE):
        raise DataError(
            expected=f"a {split or 'train'} split in {PLACE}",
            came=", ".join(map(str, data)) if isinstance(data, Mapping) else "a single data set",
            do="give the data set that is meant",
        )
    read = {name: [_read(each, name)] for name, each in splits.items()}
    return to_examples(read, chosen, PLACE, image_size=image_size, decoding=decoding)


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


def _read(data: Any, split: str) -> Rows[Encoded]:
    features = data.features.to_dict()
    image = pick(data.column_names, features, IMAGES, "Image", PLACE)
    label = pick(data.column_names, features, LABELS, "ClassLabel", PLACE)
    columns = [image, label, *([IDS] if IDS in data.column_names else [])]
    items: list[Encoded | None] = []
    labels: list[Any] = []
    ids: list[str] = []
    # In stretches: shuffled rows are gathered, and too many at once overflow Arrow's offsets.
    for table in data.select_columns(columns).with_format("arrow").iter(batch_size=_AT_ONCE):
        items += image_column(table[image], PLACE)
        labels += label_column(table[label], PLACE)
        ids += id_column(table[IDS], PLACE) if IDS in columns else []
    prefix = f"{split or data.split or ''}/".removeprefix("/")
    return Rows(
        items=items,
        labels=labels,
        names=names_of(features.get(label)),
        ids=ids if IDS in columns else numbered(prefix, len(items)).tolist(),
    )
