"""Rows of tables, folders, shards and data sets in memory, before they are examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.decoding import IN_MEMORY, Decoding, decode_all
from radiotracer.data.encoded import Encoded
from radiotracer.data.labels import Classes, Given, classes_of
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.modalities.texts import TEXTS
from radiotracer.data.modality import Modality
from radiotracer.data.splits import TRAIN, WHOLE, held_out
from radiotracer.data.survey import survey
from radiotracer.errors import DataError

Item_co = TypeVar("Item_co", covariant=True)

PLACE = "the data in memory"
"""What errors call data that were never files, and their source: nothing opens them again."""


@dataclass(frozen=True)
class Rows(Generic[Item_co]):
    """What one file or folder says; item ``i`` of every sequence is the same example.

    Args:
        items: Encoded images, or texts; None where there is none.
        labels: One per example.
        ids: Unique texts.
    """

    items: Sequence[Item_co | None]
    labels: Given
    ids: Sequence[str]


@dataclass(frozen=True)
class Read(Generic[Item_co]):
    """What was read of a data set, before it is decoded.

    Args:
        by_split: Rows of every file, by split: they agree on the classes.
        split: Which of the splits is opened.
        source: The DATA argument of all of it, without a split.
        asked: Which split was asked for; None where none was.
        left_out: What was left out of the chosen split.
        notes: What was noticed, in sentences.
        bad: By row of the chosen split, why it cannot be used.
    """

    by_split: Mapping[str, Sequence[Rows[Item_co]]]
    split: str
    source: Path | str
    asked: str | None = None
    left_out: Sequence[LeftOut] = ()
    notes: Sequence[str] = ()
    bad: Mapping[int, str] = field(default_factory=dict)

    @property
    def items(self) -> list[Item_co | None]:
        """Of the chosen split."""
        return [each for rows in self.by_split[self.split] for each in rows.items]

    @property
    def ids(self) -> list[str]:
        """Of the chosen split."""
        return [each for rows in self.by_split[self.split] for each in rows.ids]

    def classes(self) -> Classes:
        """See `classes_of`."""
        given = {name: [rows.labels for rows in files] for name, files in self.by_split.items()}
        return classes_of(given, self.split, self.source)


def to_examples(
    read: Read[Encoded], *, image_size: int | None = None, decoding: Decoding = IN_MEMORY
) -> Dataset:
    """Decode the images of one split; those that cannot be are left out and listed.

    Args:
        read: What was read.
        image_size: Resize every image to this height and width (Lanczos).
        decoding: Where the pixels go.

    Raises:
        DataError: Files that disagree on the classes, no readable image, or several sizes without
            `image_size`.
    """
    classes, items = read.classes(), read.items
    usable = [row for row in np.flatnonzero(classes.numbers >= 0).tolist() if row not in read.bad]
    # A model takes one number of channels and one scale, so the splits must agree on them.
    every = [each for files in read.by_split.values() for rows in files for each in rows.items]
    decoded = decode_all(
        [items[row] for row in usable],
        read.source,
        survey=survey(every),
        image_size=image_size,
        decoding=decoding,
    )
    found = assembled(
        read,
        classes,
        IMAGES,
        lambda _: decoded.images,
        bad={usable[place]: reason for place, reason in decoded.left_out.items()},
        do="save them encoded, for example as PNG",
        notes=decoded.notes,
    )
    return replace(found, originals=decoded.originals)


def to_texts(read: Read[str]) -> Dataset:
    """The texts of one split; the errors are those of `to_examples`."""
    items = read.items
    bad = {row: "no text" for row, each in enumerate(items) if each is None}
    return assembled(
        read,
        read.classes(),
        TEXTS,
        lambda rows: tuple(items[row] for row in rows),
        bad=bad,
        do="save them in UTF-8",
    )


def assembled(
    read: Read[Any],
    classes: Classes,
    modality: Modality,
    content: Callable[[NDArray[np.int64]], Any],
    *,
    do: str,
    bad: Mapping[int, str] = MappingProxyType({}),
    notes: Iterable[str] = (),
) -> Dataset:
    """The examples of one split that have a label and can be used.

    Args:
        read: What was read.
        classes: Its classes.
        modality: Of the examples.
        content: From the rows that remain, in order, to their content.
        do: What to do where none can be used.
        bad: By row why others cannot.
        notes: What was noticed besides.

    Raises:
        DataError: There is none.
    """
    ids = read.ids
    reasons = {**bad, **read.bad, **classes.reasons}
    left_out = [*read.left_out, *(LeftOut(ids[row], why) for row, why in reasons.items())]
    kept: NDArray[np.int64] = np.array(
        [row for row in range(len(ids)) if row not in reasons], dtype=np.int64
    )
    if not len(kept):
        first = f" ({left_out[0].path}: {left_out[0].reason})" if left_out else ""
        raise DataError(
            expected=f"{modality.noun}s in {read.source}",
            came=f"none that can be read{first}",
            do=do,
        )
    labels, names, said = _without_empty(classes.numbers[kept], classes.names, read.split)
    found = held_out(read.by_split, read.split)
    return Dataset(
        modality=modality,
        content=content(kept),
        labels=labels,
        ids=np.array(ids, dtype=np.str_)[kept],
        class_names=names,
        source=f"{read.source}:{read.asked}" if read.asked else str(read.source),
        validation=f"{read.source}:{found}" if found else None,
        left_out=tuple(sorted(left_out, key=lambda each: each.path)),
        notes=tuple(map(_sentence, (*read.notes, *classes.notes, *said, *notes))),
    )


def _sentence(note: str) -> str:
    return f"{note[0].upper()}{note[1:]}."


def _without_empty(
    labels: NDArray[np.int64], names: tuple[str, ...], split: str
) -> tuple[NDArray[np.int64], tuple[str, ...], Sequence[str]]:
    """What is learned from has an example of each class; what it lacks is no class, and is said."""
    used = np.unique(labels)
    if split not in (WHOLE, TRAIN) or len(used) == len(names):
        return labels, names, ()
    kept = tuple(names[number] for number in used)
    gone = [name for name in names if name not in set(kept)]
    said = f"no example that can be used of {', '.join(gone[:5])}{', …' * (len(gone) > 5)}"
    return np.searchsorted(used, labels), kept, (said,)


def stem(file: Path, root: Path) -> str:
    """The path of a file from `root` without its ending, as ids begin with it.

    A file name need not be UTF-8; ids must be, for Parquet and JSON.
    """
    name = file.name if file == root else file.relative_to(root).as_posix()
    return Path(name).with_suffix("").as_posix().encode(errors="backslashreplace").decode()
