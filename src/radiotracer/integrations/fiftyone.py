"""A scan as fields of a FiftyOne data set: plain values, so that FiftyOne is not imported."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.integrations.issue_table import issue_table

if TYPE_CHECKING:
    from radiotracer.scanning import Scan


def fiftyone_fields(
    scan: Scan | str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> dict[str, dict[str, Any]]:
    """The columns of `issue_table` as FiftyOne's ``Dataset.set_values`` takes them.

    The values are joined to the samples by key and not by order, so that neither shuffling nor
    left-out files can put them beside the wrong image::

        for name, values in fiftyone_fields("scan", root="photos").items():
            dataset.set_values(name, values, key_field="filepath")

    Args:
        scan: A scan, or the folder that one was written to.
        root: The folder of images that was scanned; keys are then the absolute paths of its files,
            which FiftyOne calls ``filepath``. Without it keys are the ids of the examples.

    Returns:
        By field name, the value of every example by its key: ``is_tampered_issue`` (bool:
        BooleanField), ``tampered_score`` (float, lower = more suspicious: FloatField),
        ``given_label`` and ``predicted_label`` (str: StringField). Of a check the first two are
        called ``is_label_issue`` and ``label_score``.

    Raises:
        InputError: The folder holds no scan, or a damaged one.
    """
    table = issue_table(scan)
    keys = table["id"].to_pylist()
    if root is not None:
        # As FiftyOne writes paths: absolute, without "..", links as they are.
        top = Path(os.path.normpath(Path(root).expanduser().absolute()))
        keys = [str(top / key) for key in keys]
    return {
        name: dict(zip(keys, table[name].to_pylist(), strict=True))
        for name in table.column_names
        if name != "id"
    }
