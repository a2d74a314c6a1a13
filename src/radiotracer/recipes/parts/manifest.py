"""The ground truth of a tampered data set: which labels were changed, and what they were."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from radiotracer.data import Dataset, Labels
from radiotracer.errors import DataError
from radiotracer.files import atomic_file

MANIFEST_FILE = "manifest.parquet"

_FROM_ANY_FILE = (OSError, LookupError, TypeError, ValueError, OverflowError, pa.ArrowException)


@dataclass(frozen=True, eq=False)
class Manifest:
    """Row ``i`` of every array is the same example, in the order of the data set.

    Args:
        ids: Shape (n,).
        original_labels: Labels before, int64, shape (n,).
        labels: Labels after, int64, shape (n,).
        recipe: Name of the recipe.
        is_tampered: bool, shape (n,).
    """

    ids: NDArray[np.str_]
    original_labels: Labels
    labels: Labels
    recipe: str
    is_tampered: NDArray[np.bool_]

    def __repr__(self) -> str:
        """How much was tampered with, and by what."""
        changed = int(self.is_tampered.sum())
        return f"Manifest({changed:,} of {len(self.ids):,} by {self.recipe[:200]})"

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write ``manifest.parquet`` into `folder`, atomically."""
        columns = {
            "id": self.ids,
            "original_label": self.original_labels,
            "label": self.labels,
            "recipe": np.where(self.is_tampered, self.recipe, ""),
            "is_tampered": self.is_tampered,
        }
        with atomic_file(Path(folder) / MANIFEST_FILE) as temporary:
            pq.write_table(pa.table(columns), temporary, compression="zstd")

    @staticmethod
    def beside(examples: Dataset) -> Manifest | None:
        """The manifest that lies beside the examples, if they are a folder that has one."""
        folder = Path(examples.source)
        is_path = folder.is_absolute() and folder.is_dir()  # a built-in name is no path
        return Manifest.read(folder, examples) if is_path else None

    @staticmethod
    def read(folder: str | os.PathLike[str], examples: Dataset) -> Manifest | None:
        """The manifest in `folder`, or None when there is none.

        Raises:
            DataError: It cannot be read, or does not speak of these examples.
        """
        path = Path(folder) / MANIFEST_FILE
        if not path.is_file():
            return None
        try:
            with path.open("rb") as stream:
                table = pq.ParquetFile(stream).read()
            names = [name for name in table["recipe"].unique().to_pylist() if name]
            manifest = Manifest(
                ids=table["id"].to_numpy().astype(str),
                original_labels=table["original_label"].to_numpy(),
                labels=table["label"].to_numpy(),
                recipe=", ".join(sorted(names)),
                is_tampered=table["is_tampered"].to_numpy(),
            )
            _require_kinds(manifest, len(examples.class_names))
        except _FROM_ANY_FILE as error:
            raise DataError(
                expected=f"a manifest at {path}", came=str(error)[:300], do="restore or remove it"
            ) from error
        same = np.array_equal(manifest.ids, examples.ids)
        if not same or not np.array_equal(manifest.labels, examples.labels):
            raise DataError(
                expected=f"a manifest that belongs to the data in {folder}",
                came="other ids" if not same else "other labels",
                do="restore or remove it",
            )
        return manifest


def _require_kinds(manifest: Manifest, classes: int) -> None:
    """Raise `ValueError` when a column has another type, holds nulls, or names unknown classes."""
    kinds = {"original_label": manifest.original_labels, "label": manifest.labels}
    for name, values in kinds.items():
        if values.dtype.kind not in "iu":
            raise ValueError(f"{name} is no column of class numbers")
        if ((values < 0) | (values >= classes)).any():
            raise ValueError(f"{name} holds numbers outside 0 to {classes - 1}")
    if manifest.is_tampered.dtype != np.bool_:
        raise ValueError("is_tampered is no column of truth values")
