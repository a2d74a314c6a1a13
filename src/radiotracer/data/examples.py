"""What an example is: an image, a label, a stable id and a SHA-256."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.digests import dataset_digest, hexadecimal, image_hashes, kept_hashes
from radiotracer.data.labelled import require_every_class, require_labelled, rows_at
from radiotracer.errors import DataError

Images = NDArray[np.uint8]
"""Pixels, shape (n, height, width, channels), 0 to 255; channels is 1 (grey) or 3 (RGB)."""

Labels = NDArray[np.int64]
"""Class numbers, shape (n,), each in [0, number of classes)."""


@dataclass(frozen=True)
class Quarantined:
    """A file, or a part of one, that was left out because it could not be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Examples:
    """A labelled data set; row ``i`` of every array is the same example.

    Args:
        images: uint8, shape (n, height, width, channels); in memory, or a read-only memory map,
            whose rows are read from the disk when they are looked at.
        labels: int64, shape (n,).
        ids: Unique and stable across loads, shape (n,), e.g. ``"train/00042"`` or a relative path.
        class_names: One name per class; a label is an index into it.
        source: The DATA argument that opens these examples again.
        queries: The DATA argument of the trusted examples that belong to them (a test split), or
            None when nothing is known.
        quarantined: Files that were left out, with reasons.

    Raises:
        DataError: Shapes or dtypes disagree, ids repeat, or a label lies outside the classes.
    """

    images: Images
    labels: Labels
    ids: NDArray[np.str_]
    class_names: tuple[str, ...]
    source: str
    queries: str | None = None
    quarantined: tuple[Quarantined, ...] = ()

    def __post_init__(self) -> None:
        """Check the shapes, the dtypes, the ids and the labels once, here."""
        if (
            self.images.dtype != np.uint8
            or self.images.ndim != 4
            or self.images.shape[3] not in (1, 3)
        ):
            raise DataError(
                expected="uint8 images of shape (n, height, width, 1 or 3)",
                came=f"{self.images.dtype} of shape {self.images.shape} from {self.source}",
                do="convert the images to 8-bit grey or RGB",
            )
        require_labelled(
            "images",
            len(self),
            labels=self.labels,
            ids=self.ids,
            class_names=self.class_names,
            source=self.source,
        )

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self.images)

    @property
    def digests(self) -> NDArray[np.str_]:
        """SHA-256 of each image's shape and pixels (not of its label), hexadecimal, shape (n,)."""
        return hexadecimal(self._hashes)

    @functools.cached_property
    def _hashes(self) -> NDArray[np.uint8]:
        """An eighth of the memory that texts need."""
        return kept_hashes(image_hashes(self.images))

    @functools.cached_property
    def digest(self) -> str:
        """One SHA-256 over every id, image digest and label, in order: the data set's identity."""
        return dataset_digest(self.ids, map(bytes.hex, image_hashes(self.images)), self.labels)

    def take(self, rows: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Examples:
        """The examples at `rows` (row numbers, in that order, or a boolean mask of shape (n,))."""
        index = rows_at(rows)
        return dataclasses.replace(
            self, images=self.images[index], labels=self.labels[index], ids=self.ids[index]
        )

    def with_labels(self, labels: Labels) -> Examples:
        """The same images under other labels."""
        return dataclasses.replace(self, labels=labels)

    def require_every_class(self) -> None:
        """Raise `DataError` when a class has no example: nothing can be learned about it."""
        require_every_class(self.labels, self.class_names, self.source)
