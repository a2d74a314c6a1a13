"""A labelled data set: examples of one kind, their labels, stable ids and SHA-256."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.digests import dataset_digest, hexadecimal, kept_hashes
from radiotracer.data.encoded import Encoded
from radiotracer.data.labelled import require_every_class, require_labelled, rows_at
from radiotracer.data.modality import Modality, Preview, each_hash, nouns

Labels = NDArray[np.int64]
"""Class numbers, shape (n,), each in [0, number of classes)."""


@dataclass(frozen=True)
class LeftOut:
    """A file, or a part of one, that was left out because it could not be used, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled data set; row ``i`` of the content and of every array is the same example.

    Args:
        modality: What its examples are.
        content: The n examples, in the form that their modality has for them.
        labels: int64, shape (n,).
        ids: Unique and stable across loads, shape (n,), e.g. ``"train/00042"`` or a relative path.
        class_names: One name per class; a label is an index into it.
        source: The DATA argument that opens these examples again.
        validation: The DATA argument of the validation examples that belong to them (another
            split), or None when nothing is known.
        left_out: Files that were left out, with reasons.
        notes: What was noticed or decided when they were read, a sentence each, for people.
        originals: Where each example lies as its owner keeps it (an image of full size), n of them;
            None where nothing is known. Content that is put in the place of some has none.
        options: Arguments of `open_data` beside the DATA argument with which these were opened.

    Raises:
        DataError: The content is not of this kind, ids repeat, or a label lies outside the classes.
    """

    modality: Modality
    content: Any
    labels: Labels
    ids: NDArray[np.str_]
    class_names: tuple[str, ...]
    source: str
    validation: str | None = None
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    originals: Sequence[Encoded] | None = field(default=None, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the content, the ids and the labels once, here."""
        self.modality.require(self.content, self.source)
        require_labelled(
            f"{self.modality.noun}s",
            len(self),
            labels=self.labels,
            ids=self.ids,
            class_names=self.class_names,
            source=self.source,
        )

    def __len__(self) -> int:
        """How many examples there are."""
        return self.modality.length(self.content)

    def __repr__(self) -> str:
        """What it is, in one short line."""
        return (
            f"Dataset({nouns(self.modality, len(self))}, {len(self.class_names):,} classes, "
            f"{self.source[:200]!r})"
        )

    @property
    def digests(self) -> NDArray[np.str_]:
        """SHA-256 of each example (not of its label), hexadecimal, shape (n,)."""
        return hexadecimal(self.hashes)

    @functools.cached_property
    def hashes(self) -> NDArray[np.uint8]:
        """The same as bytes, shape (n, 32): an eighth of the memory that they need as text."""
        return kept_hashes(self.modality.hashes(self.content))

    @functools.cached_property
    def digest(self) -> str:
        """One SHA-256 over every id, example and label, in order: the data set's identity."""
        hashes = each_hash(each.tobytes() for each in self.hashes)
        return dataset_digest(self.ids, hashes, self.labels)

    def show(self, row: int, side: int | None = None) -> Preview:
        """An example as people see it: of an image its original, where that can be read.

        Args:
            row: Which one.
            side: Pixels that the longer side of an original has at most; None: 640.
        """
        if self.originals is not None:
            from radiotracer.data.original import LARGEST, original

            found = original(self.originals[row], side or LARGEST)
            if found is not None:
                return found
        return self.modality.show(self.content, row)

    def take(self, rows: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Dataset:
        """The examples at `rows` (row numbers, in that order, or a boolean mask of shape (n,)).

        Raises:
            DataError: A mask of another shape.
        """
        index = rows_at(rows, len(self))
        return dataclasses.replace(
            self,
            content=self.modality.take(self.content, index),
            labels=self.labels[index],
            ids=self.ids[index],
            originals=None if self.originals is None else [self.originals[row] for row in index],
        )

    def with_content(self, rows: NDArray[np.int64], new: Any) -> Dataset:
        """The same labels under other examples at `rows`, as many as `new` has."""
        content = self.modality.put(self.content, rows, new)
        return dataclasses.replace(self, content=content, originals=None)

    def with_labels(self, labels: Labels) -> Dataset:
        """The same examples under other labels."""
        return dataclasses.replace(self, labels=labels)

    def require_every_class(self) -> None:
        """Raise `DataError` when a class has no example, or is the only one."""
        require_every_class(self.labels, self.class_names, self.source)
