"""The four IDX files of MNIST and what is stored like it."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.builtin import BUILT_INS
from radiotracer.data.dataset import Dataset
from radiotracer.data.format import FORMATS, CannotWriteError, Format, Options, Place, Written
from radiotracer.data.idx import has_idx_split, read_idx_split
from radiotracer.data.labels import Given
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.npz import numbered
from radiotracer.data.rows import Read, Rows, assembled
from radiotracer.data.splits import TEST, TRAIN, chosen


class IdxFolder(Format):
    """Grey images under their standard names."""

    name = "idx"
    words = "a folder with the four IDX files"
    order = 200

    def matches(self, place: Place, options: Options) -> bool:
        """Whether one split is there."""
        return place.exists and any(has_idx_split(place.path, each) for each in (TRAIN, TEST))

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read one split; of the built-in ones the names of the classes are known."""
        path = place.path
        splits = {name: name for name in (TRAIN, TEST) if has_idx_split(path, name)}
        opened = chosen(splits, split, path)
        every = {name: read_idx_split(path, name) for name in splits}
        found = every[opened]
        names = [
            each.class_names
            for each in BUILT_INS.values()
            if found.labels_sha256 in (each.train[1].sha256, each.test[1].sha256)
        ]
        rows: dict[str, list[Rows[None]]] = {
            name: [
                Rows(
                    [None] * len(each.labels),
                    Given(each.labels.tolist(), names[0] if names else None, declared=True),
                    numbered(f"{name}/", len(each.labels)).tolist(),
                )
            ]
            for name, each in every.items()
        }
        read = Read(rows, opened, path, split)
        return assembled(
            read, read.classes(), IMAGES, lambda kept: found.images[kept], do="check the files"
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Rows are all the ids that there are."""
        raise CannotWriteError(
            "IDX files number their examples by row, and dropping one renames others"
        )


FORMATS.register(IdxFolder())
