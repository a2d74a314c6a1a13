"""What an example is: an image, a label, a stable id and a SHA-256."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.blocks import values
from radiotracer.data.digests import dataset_digest, hexadecimal, image_hashes, kept_hashes
from radiotracer.errors import DataError

Images = NDArray[np.uint8]
"""Pixels, shape (n, height, width, channels), 0 to 255; channels is 1 (grey) or 3 (RGB)."""

Labels = NDArray[np.int64]
"""Class numbers, shape (n,), each in [0, number of classes)."""


@dataclass(frozen=True)
class Quarantined:
    """A file that was left out because it could not be read as an image, and why."""

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
        n = len(self.images)
        if self.labels.dtype != np.int64 or self.ids.dtype.kind != "U":
            raise DataError(
                expected="int64 labels and text ids",
                came=f"{self.labels.dtype} labels and {self.ids.dtype} ids from {self.source}",
                do="convert them",
            )
        if self.labels.shape != (n,) or self.ids.shape != (n,):
            raise DataError(
                expected=f"one label and one id for each of {n} images",
                came=f"labels of shape {self.labels.shape} and ids of shape {self.ids.shape}",
                do=f"repair {self.source}",
            )
        if not self.class_names or not all(
            map(_is_plain_text, (self.class_names, values(self.ids)))
        ):
            raise DataError(
                expected="one class name or more, and names and ids of Unicode text without NUL",
                came=f"{len(self.class_names)} class names, or text that UTF-8 cannot hold",
                do=f"repair the names in {self.source}",
            )
        outside = np.flatnonzero((self.labels < 0) | (self.labels >= len(self.class_names)))
        if len(outside):
            first = outside[0]
            raise DataError(
                expected=f"labels from 0 to {len(self.class_names) - 1}",
                came=f"{len(outside)} outside them, "
                f"first {self.labels[first]} at {self.ids[first]}",
                do=f"repair the labels of {self.source}",
            )
        if repeated := _repeated(self.ids):
            raise DataError(
                expected="unique ids",
                came=f"{repeated} repeated",
                do=f"repair the ids of {self.source}",
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
        chosen = np.asarray(rows)
        index = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return dataclasses.replace(
            self, images=self.images[index], labels=self.labels[index], ids=self.ids[index]
        )

    def with_labels(self, labels: Labels) -> Examples:
        """The same images under other labels."""
        return dataclasses.replace(self, labels=labels)

    def require_every_class(self) -> None:
        """Raise `DataError` when a class has no example: nothing can be learned about it."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        empty = [name for name, count in zip(self.class_names, counts, strict=True) if count == 0]
        if empty:
            raise DataError(
                expected=f"at least one example in each of the {len(self.class_names)} classes",
                came=f"none in {', '.join(empty[:10])}{' and more' * (len(empty) > 10)}",
                do=f"add examples to {self.source} or remove the class",
            )


def _is_plain_text(texts: Iterable[str]) -> bool:
    """Parquet and JSON hold UTF-8 only, and NumPy drops a NUL at the end of a text."""
    try:
        return all(isinstance(text, str) and b"\0" not in text.encode() for text in texts)
    except UnicodeEncodeError:
        return False


def _repeated(ids: NDArray[np.str_]) -> int:
    """How many ids were there before; texts are only sorted where their hashes repeat."""
    hashes = np.fromiter(map(hash, values(ids)), dtype=np.int64, count=len(ids))
    hashes.sort()
    if not (hashes[1:] == hashes[:-1]).any():
        return 0
    return len(ids) - len(np.unique(ids))
