"""What a kind of example can do: everything above `data/` speaks to this, and to nothing below it.

A modality is one object in one file of `data/modalities/`, or of another package (entry points
``radiotracer.modalities``). It knows the *content* of a data set (all images, say), which nobody
else looks into, and says what examples are called, what makes one the same as another, what is
given to networks and shown to people, and how examples are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from radiotracer.registry import Registry

if TYPE_CHECKING:
    from radiotracer.data.inputs import Inputs

Images = NDArray[np.uint8]
"""Pixels, shape (n, height, width, channels), 0 to 255; channels is 1 (grey) or 3 (RGB)."""

Rows = slice | Sequence[int] | NDArray[np.int64]
"""Row numbers, or a stretch of them."""


@dataclass(frozen=True)
class Preview:
    """One example as people see it: a picture, a text, or both.

    Args:
        picture: uint8, shape (height, width, 1 or 3), 0 to 255.
        text: A few lines at most; never markup.
        path: The file in which it lies, where it has one of its own.
    """

    picture: NDArray[np.uint8] | None = None
    text: str | None = None
    path: str | None = None


class Labelled(Protocol):
    """What `Modality.save` needs of a data set."""

    @property
    def content(self) -> Any:
        """All examples."""

    @property
    def ids(self) -> NDArray[np.str_]:
        """Shape (n,)."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """Shape (n,)."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """One per class."""


class Modality(Protocol):
    """One kind of example. `content` is all examples of a data set, in its own form."""

    name: str
    """In the plural, as it stands in files: ``"images"``. It never changes."""

    noun: str
    """What people call one example: ``"image"``; its plural has an s."""

    @property
    def task(self) -> str | None:
        """What hubs call this kind of task: ``"image-classification"``; None: they have no word."""

    def require(self, content: Any, source: str) -> None:
        """Raise `DataError` unless `content` is of this kind; the text names `source`."""

    def length(self, content: Any) -> int:
        """How many examples, n."""

    def take(self, content: Any, rows: NDArray[np.int64]) -> Any:
        """The content of the examples at `rows`, in that order; a row may come twice."""

    def put(self, content: Any, rows: NDArray[np.int64], new: Any) -> Any:
        """A copy in which the examples at `rows` are those of `new`, which has as many."""

    def hashes(self, content: Any) -> Iterable[bytes]:
        """SHA-256 of each example, 32 bytes each, in order; what is equal has equal ones."""

    def inputs(self, content: Any, rows: Rows) -> Inputs:
        """What networks are given for some rows: tensors with the examples on the first axis."""

    def shape(self, content: Any) -> Mapping[str, int | str]:
        """What examples that go into one network have in common, by name; may be empty.

        Two data sets belong together only where all of it is equal. A network is built from it,
        as keywords: ``{"channels": 1, "height": 28, "width": 28}``.
        """

    def show(self, content: Any, row: int) -> Preview:
        """An example as people see it."""

    def to_json(self, content: Any, rows: Rows) -> list[Any]:
        """Some examples as JSON holds them, for services that are asked about them."""

    def save(self, data: Labelled, folder: Path) -> None:
        """Write the content of a data set of this kind into an existing folder.

        Each file whole or not at all. Ids and labels are kept beside it by others; they are here
        for files that are of use without them, too.
        """

    def load(self, folder: Path) -> Any:
        """What `save` wrote; `DataError` where it was damaged."""


MODALITIES: Registry[Modality] = Registry(
    "kind of example", home="radiotracer.data.modalities", group="radiotracer.modalities"
)
"""Every kind of example, by name."""


def nouns(modality: Modality, count: int) -> str:
    """How many examples, in words: ``"1 image"``, ``"5,000 texts"``."""
    return f"{count:,} {modality.noun}{'s' * (count != 1)}"


def each_hash(hashes: Iterable[bytes]) -> Iterator[str]:
    """Hashes as hexadecimal texts, one at a time."""
    return map(bytes.hex, hashes)
