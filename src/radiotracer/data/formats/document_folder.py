"""Text files sorted into one folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiotracer.data.class_folders import (
    class_folders,
    copy_files,
    endings,
    find_files,
    split_folders,
)
from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.encoded import read_limited
from radiotracer.data.format import FORMATS, Format, Options, Place, Written, no_split
from radiotracer.data.modalities.texts import TEXTS
from radiotracer.data.opening import SUFFIXES as IMAGES
from radiotracer.data.rows import no_texts
from radiotracer.errors import DataError

SUFFIXES = frozenset((".txt",))
"""File names that are taken for documents, whatever their case."""

LARGEST = 1 << 26
"""Bytes of a document."""


class DocumentFolder(Format):
    """``CLASS/**/DOCUMENT``, or folders ``train`` and ``test`` of such.

    Each file is a text in UTF-8, taken as it is; its id is the path from the root.
    """

    name = "document-folder"
    words = "a folder with one folder of .txt files per class"
    order = 800

    def matches(self, place: Place, options: Options) -> bool:
        """A folder below whose folders more documents lie than images."""
        if not (place.exists and place.path.is_dir()):
            return False
        found = endings(place.path)
        return sum(found[each] for each in SUFFIXES) > sum(found[each] for each in IMAGES)

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the documents of one split; what is none is left out and listed."""
        path = place.path
        splits = split_folders(path)
        if split is not None and not splits:
            raise no_split(place, split, "a folder without the folders train and test")
        classes = class_folders(splits["train"] if splits else path, "texts")
        top = splits[split or "train"] if splits else path
        files, left_out = find_files(path, top, classes, SUFFIXES, "a text")
        texts, kept = [], []
        for file in files:
            try:
                texts.append(read_limited(file.path, LARGEST, "a text").decode())
                kept.append(file)
            except UnicodeDecodeError:
                left_out.append(LeftOut(file.id, "not in UTF-8"))
            except DataError as error:
                left_out.append(LeftOut(file.id, error.came))
        if not kept:
            raise no_texts(path, left_out)
        found = Dataset(
            modality=TEXTS,
            content=tuple(texts),
            labels=np.array([file.label for file in kept], dtype=np.int64),
            ids=np.array([file.id for file in kept], dtype=np.str_),
            class_names=tuple(name.encode(errors="backslashreplace").decode() for name in classes),
            source=f"{path}:{split}" if split else str(path),
            validation=f"{path}:test" if splits and split != "test" else None,
            left_out=tuple(sorted(left_out, key=lambda each: each.path)),
        )
        if split != "test":
            found.require_every_class()
        return found

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Copy the files as they are; one with a new label moves to that class's folder."""
        return copy_files(before, after, folder)


FORMATS.register(DocumentFolder())
