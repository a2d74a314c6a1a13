"""Text files sorted into one folder per class."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.class_folders import copy_files, endings, read_class_folders
from radiotracer.data.dataset import Dataset
from radiotracer.data.delimited import UTF_8, decoded
from radiotracer.data.encoded import read_limited
from radiotracer.data.format import FORMATS, Format, Options, Place, Written
from radiotracer.data.opening import SUFFIXES as IMAGES
from radiotracer.data.rows import Read, Rows, to_texts
from radiotracer.errors import DataError

SUFFIXES = frozenset((".txt",))
"""File names that are taken for documents, whatever their case."""

LARGEST = 1 << 26
"""Bytes of a document."""


class DocumentFolder(Format):
    """``CLASS/**/DOCUMENT``, or folders of splits of such.

    Each file is a text, taken as it is; its id is the path from the root.
    """

    name = "document-folder"
    words = "a folder with one folder of .txt files per class"
    order = 800
    options = frozenset(("follow_links",))

    def matches(self, place: Place, options: Options) -> bool:
        """A folder below whose folders more documents lie than images."""
        if not (place.exists and place.path.is_dir()):
            return False
        found = endings(place.path)
        return sum(found[each] for each in SUFFIXES) > sum(found[each] for each in IMAGES)

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read the documents of one split; what is none is left out and listed."""
        read = read_class_folders(place.path, split, options, SUFFIXES, "text")
        (part,) = read.by_split[read.split]
        texts, bad, encodings = _texts(part)
        # Of other splits only the classes count.
        others: dict[str, list[Rows[str]]] = {
            name: [Rows([None] * len(each.ids), each.labels, each.ids) for each in parts]
            for name, parts in read.by_split.items()
        }
        said = [f"some texts were read as {each}" for each in sorted(encodings - {UTF_8})]
        return to_texts(
            Read(
                {**others, read.split: [texts]},
                read.split,
                read.source,
                read.asked,
                read.left_out,
                [*read.notes, *said],
                bad,
            )
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Copy the files as they are; one with a new label moves to that class's folder."""
        return copy_files(before, after, folder)


FORMATS.register(DocumentFolder())


def _texts(part: Rows[Path]) -> tuple[Rows[str], dict[int, str], set[str]]:
    """The texts, by row why one cannot be read, and the encodings that were met."""
    items: list[str | None] = [None] * len(part.items)
    bad: dict[int, str] = {}
    encodings: set[str] = set()
    for row, path in enumerate(part.items):
        assert path is not None  # noqa: S101
        try:
            items[row], encoding = decoded(read_limited(path, LARGEST, "a text"), path)
        except DataError as error:
            bad[row] = error.came
            continue
        encodings.add(encoding)
    return Rows(items, part.labels, part.ids), bad, encodings
