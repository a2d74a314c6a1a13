"""Rows of tables, shards and data sets in memory, before they are examples."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.dataset import Dataset, Labels, LeftOut
from radiotracer.data.decoding import IN_MEMORY, Decoding, decode_all
from radiotracer.data.encoded import Encoded
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.modalities.texts import TEXTS
from radiotracer.data.npz import MOST_CLASSES
from radiotracer.data.survey import survey
from radiotracer.errors import DataError

Item = TypeVar("Item")

_NUMBER = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True)
class Rows(Generic[Item]):
    """What one file says; item ``i`` of every sequence is the same example.

    Args:
        items: Encoded images, or texts; None where there is none.
        labels: All numbers, or all names.
        names: The classes' names, where the file has them for its numbers.
        ids: Unique texts.
    """

    items: Sequence[Item | None]
    labels: Sequence[int] | Sequence[str]
    names: tuple[str, ...] | None
    ids: Sequence[str]


Read = Mapping[str, Sequence[Rows[Item]]]
"""Rows of every file, by split."""


def to_examples(
    read: Read[Encoded],
    split: str,
    root: Path | str,
    *,
    image_size: int | None = None,
    decoding: Decoding = IN_MEMORY,
    left_out: Sequence[LeftOut] = (),
) -> Dataset:
    """Decode the images of one split.

    Args:
        read: The rows of all splits: they agree on the classes and on the colour.
        split: Which of them.
        root: Where they come from, for errors; also the examples' source.
        image_size: Resize every image to this height and width (Lanczos).
        decoding: Where the pixels go.
        left_out: What was left out before.

    Raises:
        DataError: Files that disagree on the classes, a class of the test split that the training
            split does not have, no readable image, or several sizes without `image_size`.
    """
    labels, class_names = class_numbers(read, split, root)
    ids = [each for rows in read[split] for each in rows.ids]
    encoded = [each for rows in read[split] for each in rows.items]
    # A model takes one number of channels and one scale, so the splits must agree on them.
    surveyed = survey([each for files in read.values() for rows in files for each in rows.items])
    found = decode_all(encoded, root, survey=surveyed, image_size=image_size, decoding=decoding)
    kept = np.array(
        [row for row in range(len(encoded)) if row not in found.left_out], dtype=np.int64
    )
    left_out = [LeftOut(ids[row], reason) for row, reason in found.left_out.items()] + [*left_out]
    if not len(kept):
        raise DataError(
            expected=f"images in {root}",
            came="none that can be read"
            + (f" ({left_out[0].path}: {left_out[0].reason})" if left_out else ""),
            do="save them encoded, for example as PNG",
        )
    return Dataset(
        modality=IMAGES,
        content=found.images,
        labels=labels[kept],
        ids=np.array(ids, dtype=np.str_)[kept],
        class_names=class_names,
        source=str(root),
        left_out=tuple(sorted(left_out, key=lambda each: each.path)),
        notes=found.notes,
        originals=found.originals,
    )


def to_texts(
    read: Read[str], split: str, root: Path | str, left_out: Sequence[LeftOut] = ()
) -> Dataset:
    """The texts of one split; the arguments and errors are those of `to_examples`."""
    labels, class_names = class_numbers(read, split, root)
    ids = [each for rows in read[split] for each in rows.ids]
    items = [each for rows in read[split] for each in rows.items]
    kept = np.array([row for row, each in enumerate(items) if each is not None], dtype=np.int64)
    left_out = [*left_out, *(LeftOut(ids[i], "no text") for i, t in enumerate(items) if t is None)]
    if not len(kept):
        raise no_texts(root, left_out)
    return Dataset(
        modality=TEXTS,
        content=tuple(each for each in items if each is not None),
        labels=labels[kept],
        ids=np.array(ids, dtype=np.str_)[kept],
        class_names=class_names,
        source=str(root),
        left_out=tuple(sorted(left_out, key=lambda each: each.path)),
    )


def no_texts(root: Path | str, left_out: Sequence[LeftOut]) -> DataError:
    """What is answered where no text is left."""
    return DataError(
        expected=f"texts in {root}",
        came="none that can be read"
        + (f" ({left_out[0].path}: {left_out[0].reason})" if left_out else ""),
        do="save them in UTF-8",
    )


def class_numbers(
    read: Read[Item], chosen: str, root: Path | str
) -> tuple[Labels, tuple[str, ...]]:
    """Class numbers of the chosen split, and the names of the classes of all splits.

    Names are numbered in their order. The classes of names are those of the split ``"train"``, or
    of all where there is none; the classes of numbers go to the largest of any split.

    Raises:
        DataError: Files that disagree, a class that the training split does not have, or a number
            that is too large.
    """
    every = [rows for files in read.values() for rows in files]
    names = {rows.names for rows in every if len(rows.labels)}
    text = {isinstance(rows.labels[0], str) for rows in every if len(rows.labels)}
    if len(names) > 1 or len(text) > 1:
        raise DataError(
            expected=f"files in {root} that agree on the classes",
            came="others" if len(text) == 1 else "numbers in some and text in others",
            do="write them again with the same features",
        )
    given = [label for rows in read[chosen] for label in rows.labels]
    if True in text:
        known = sorted({str(label) for rows in read.get("train", every) for label in rows.labels})
        place = {name: number for number, name in enumerate(known)}
        new = sorted({str(label) for label in given} - place.keys())
        if new:
            raise DataError(
                expected=f"the classes of the training split ({', '.join(known[:10])})",
                came=f"the label {new[0]!r}",
                do="add the class to the training split or remove it here",
            )
        return np.array([place[str(label)] for label in given], dtype=np.int64), tuple(known)
    largest = max((0, *(int(label) for rows in every for label in rows.labels)))
    if largest >= MOST_CLASSES:
        raise DataError(
            expected=f"class numbers below {MOST_CLASSES} in {root}",
            came=str(largest),
            do="number the classes from 0 up",
        )
    numbers: NDArray[np.int64] = np.array(given, dtype=np.int64)
    named = next(iter(names), None)
    return numbers, named or tuple(str(number) for number in range(largest + 1))


def as_numbers(read: Read[Item]) -> Read[Item]:
    """The same rows; labels of a format without types are numbers if all are, in every file."""
    every = (label for files in read.values() for rows in files for label in rows.labels)
    if not all(_NUMBER.fullmatch(str(label)) for label in every):
        return read
    return {
        name: [replace(rows, labels=[int(label) for label in rows.labels]) for rows in files]
        for name, files in read.items()
    }


def stem(file: Path, root: Path) -> str:
    """The path of a file from `root` without its ending, as ids begin with it.

    A file name need not be UTF-8; ids must be, for Parquet and JSON.
    """
    name = file.name if file == root else file.relative_to(root).as_posix()
    return Path(name).with_suffix("").as_posix().encode(errors="backslashreplace").decode()
