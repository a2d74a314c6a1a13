"""Texts with labels, beside `Examples`: a text, a label, a stable id and a SHA-256."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.digests import dataset_digest, hexadecimal, kept_hashes
from radiotracer.data.examples import Labels, Quarantined
from radiotracer.data.labelled import require_every_class, require_labelled, rows_at
from radiotracer.errors import DataError


@dataclass(frozen=True, eq=False)
class Texts:
    """A labelled data set of texts; item ``i`` of every sequence is the same example.

    Args:
        texts: n texts that UTF-8 can hold, as they were: nothing is stripped or normalised.
        labels: int64, shape (n,).
        ids: Unique and stable across loads, shape (n,), e.g. ``"train/00042"`` or a relative path.
        class_names: One name per class; a label is an index into it.
        source: The argument of `open_texts` that opens these texts again.
        queries: The argument of `open_texts` for the trusted texts that belong to them (a test
            split), or None when nothing is known.
        quarantined: What was left out, with reasons.

    Raises:
        DataError: Lengths or dtypes disagree, ids repeat, a label lies outside the classes, or a
            text is none.
    """

    texts: tuple[str, ...]
    labels: Labels
    ids: NDArray[np.str_]
    class_names: tuple[str, ...]
    source: str
    queries: str | None = None
    quarantined: tuple[Quarantined, ...] = ()

    def __post_init__(self) -> None:
        """Check the texts, the labels and the ids once, here."""
        require_labelled(
            "texts",
            len(self),
            labels=self.labels,
            ids=self.ids,
            class_names=self.class_names,
            source=self.source,
        )
        for id, text in zip(self.ids, self.texts, strict=True):
            if not isinstance(text, str) or not _is_unicode(text):
                raise DataError(
                    expected="texts that UTF-8 can hold",
                    came=f"another at {id}, from {self.source}",
                    do="repair it, or leave it out",
                )

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self.texts)

    @property
    def digests(self) -> NDArray[np.str_]:
        """SHA-256 of each text in UTF-8 (not of its label), hexadecimal, shape (n,)."""
        return hexadecimal(self._hashes)

    @functools.cached_property
    def _hashes(self) -> NDArray[np.uint8]:
        return kept_hashes(_hashed(self.texts))

    @functools.cached_property
    def digest(self) -> str:
        """One SHA-256 over every id, text digest and label, in order: the data set's identity."""
        return dataset_digest(self.ids, map(bytes.hex, _hashed(self.texts)), self.labels)

    def take(self, rows: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Texts:
        """The texts at `rows` (row numbers, in that order, or a boolean mask of shape (n,))."""
        index = rows_at(rows)
        if np.asarray(rows).dtype == bool and np.shape(rows) != (len(self),):
            raise DataError(
                expected=f"a mask of shape ({len(self)},)",
                came=f"shape {np.shape(rows)}",
                do="give one truth per text",
            )
        return dataclasses.replace(
            self,
            texts=tuple(self.texts[row] for row in index),
            labels=self.labels[index],
            ids=self.ids[index],
        )

    def with_labels(self, labels: Labels) -> Texts:
        """The same texts under other labels."""
        return dataclasses.replace(self, labels=labels)

    def require_every_class(self) -> None:
        """Raise `DataError` when a class has no example: nothing can be learned about it."""
        require_every_class(self.labels, self.class_names, self.source)


def _hashed(texts: Sequence[str]) -> Iterator[bytes]:
    return (hashlib.sha256(text.encode()).digest() for text in texts)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
