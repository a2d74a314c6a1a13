"""Frames of pandas and polars, and Arrow tables: data sets whose columns are as in files."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from radiotracer.data.columns import id_column, image_column, text_column
from radiotracer.data.dataset import Dataset
from radiotracer.data.format import Options
from radiotracer.data.roles import roles_of
from radiotracer.data.rows import PLACE, Read, Rows, to_examples, to_texts
from radiotracer.data.splits import WHOLE
from radiotracer.data.table_files import File, peek_at, without
from radiotracer.data.table_rows import to_rows
from radiotracer.data.tables import labels_and_ids
from radiotracer.errors import DataError


def from_frame(frame: Any, options: Options) -> Dataset:
    """The examples of a pandas or polars frame; its index is no column.

    Raises:
        DataError: Columns that cannot be used.
    """
    try:
        table = (
            frame.to_arrow()
            if hasattr(frame, "to_arrow")
            else pa.Table.from_pandas(frame, preserve_index=False)
        )
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise DataError(
            expected="columns of one type each",
            came=" ".join(str(error).split())[:120],
            do="convert them, or pass (examples, labels)",
        ) from error
    return from_arrow(table, options)


def from_arrow(table: pa.Table, options: Options) -> Dataset:
    """The examples of an Arrow table; the columns are found as in Parquet files.

    Raises:
        DataError: Columns that cannot be used.
    """
    roles = roles_of(peek_at(table, PLACE), options, lambda _: False, PLACE)
    file = File(table, "", typed=True)
    labels, ids = labels_and_ids(file, roles, PLACE)

    def read(items: Any) -> Read[Any]:
        return Read({WHOLE: [Rows(items, labels, ids)]}, WHOLE, PLACE, notes=roles.notes)

    if roles.holds == "rows":
        part = without(file, sorted(roles.ignored))
        return to_rows(read([None] * len(table)), {WHOLE: [part]}, roles, options.like)
    column = table[roles.item]
    if roles.holds == "texts":
        return to_texts(read(text_column(column, PLACE)))
    if roles.holds == "files":
        from pathlib import Path

        items: Any = [Path(each) for each in id_column(column.fill_null(""), PLACE)]
    else:
        items = image_column(column, PLACE)
    return to_examples(read(items), image_size=options.image_size, decoding=options.decoding)
