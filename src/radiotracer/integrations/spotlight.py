"""A scan as the table and the column types that Renumics Spotlight shows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow as pa

from radiotracer.data import Dataset
from radiotracer.errors import DataError
from radiotracer.integrations.issue_table import issue_table
from radiotracer.review.pictures import picture, require_picture, words

if TYPE_CHECKING:
    from radiotracer.scanning import Scan

DTYPES = {
    "id": "str",
    "is_tampered_issue": "bool",
    "tampered_score": "float",
    "is_label_issue": "bool",
    "label_score": "float",
    "given_label": "Category",
    "predicted_label": "Category",
}
"""Spotlight's names of the types of the columns of issue tables."""


def spotlight_columns(
    scan: Scan | str | os.PathLike[str], *, examples: Dataset | None = None
) -> tuple[pa.Table, dict[str, str]]:
    """The columns of `issue_table`, with the examples if wanted, and their types in Spotlight.

    ::

        table, dtype = spotlight_columns("scan", examples=radiotracer.open_data("photos"))
        spotlight.show(table.to_pandas(), dtype=dtype)

    Args:
        scan: A scan, or the folder that one was written to.
        examples: What was scanned, to show the examples too: a column ``image`` of PNG bytes, at
            most 512 pixels a side, where they are pictures, and a column ``text`` where they have
            one. All of them are in memory at once.

    Returns:
        The table, in the order of the data, and Spotlight's name of the type of every column.

    Raises:
        InputError: The folder holds no scan, or a damaged one.
        DataError: `examples` are not what was scanned.
    """
    table = issue_table(scan)
    dtypes = {name: DTYPES[name] for name in table.column_names}
    if examples is None:
        return table, dtypes
    if table["id"].to_pylist() != examples.ids.tolist():
        raise DataError(
            expected=f"the {len(table)} examples that were scanned, in their order",
            came=f"{len(examples)} with other ids, or in another order",
            do="open the data that were scanned",
        )
    shown = [examples.show(row) for row in range(len(examples))]
    if all(each.picture is not None for each in shown):
        images = [picture(require_picture(each)) for each in shown]
        table = table.append_column("image", pa.array(images, pa.binary()))
        dtypes["image"] = "Image"
    if any(each.text is not None for each in shown):
        texts = [words(each) for each in shown]
        table = table.append_column("text", pa.array(texts, pa.string()))
        dtypes["text"] = "str"
    return table, dtypes
