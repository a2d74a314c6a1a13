"""Cleaned data written as the data came: a saved folder, an archive, or a folder of images."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from radiotracer.data import Dataset, open_data, save_examples
from radiotracer.data.folder import split_folders
from radiotracer.data.idx import has_idx_split
from radiotracer.data.npz import PAIRS, read_arrays, write_npz
from radiotracer.data.saved import is_saved
from radiotracer.data.shards import has_tables
from radiotracer.errors import DataError
from radiotracer.files import empty_folder
from radiotracer.review.cleaned import Cleaned

FOLDER = "data"
"""Where the data lie in an export."""


@dataclass(frozen=True)
class Written:
    """How cleaned data were written.

    Args:
        path: Relative to the export: a DATA argument.
        kind: The format, in words.
        digest: Identity of the data when they are opened again.
        note: Why it is not the format of the input, or what a reader has to know; may be empty.
        renamed: New ids by old ones, where a file had to move to another class's folder.
    """

    path: str
    kind: str
    digest: str
    note: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)


class _NotSoError(Exception):
    """The format of the input cannot hold the cleaned data; the text says why."""


def write_cleaned(cleaned: Cleaned, out: Path, *, provenance: Mapping[str, object]) -> Written:
    """Write cleaned data below `out`, open them again, and compare.

    In the format of the input, if that can hold them with their ids; else as a saved folder, and
    the note says why.

    Args:
        cleaned: The data.
        out: An existing folder; ``data`` is made in it.
        provenance: How they came about, for a saved folder.

    Raises:
        DataError: A file of the input cannot be read any more.
        StorageError: The disk refused.
    """
    target = out / FOLDER
    target.mkdir()
    note = ""
    try:
        written = _as_it_came(cleaned, target)
    except _NotSoError as reason:
        written, note = None, f"Written as a saved folder, because {reason}."
    if written is not None:
        return written
    empty_folder(target)
    save_examples(cleaned.after, target, provenance=provenance)
    again = open_data(str(target))
    if again.digest != cleaned.after.digest:
        raise DataError(
            expected=f"the cleaned data in {target}", came="others", do="look at the disk"
        )
    return Written(FOLDER, "a saved folder", again.digest, note)


def _as_it_came(cleaned: Cleaned, target: Path) -> Written | None:
    """In the format of the input; None where that is a saved folder."""
    source = cleaned.before.source
    split = next((end[1:] for end in (":train", ":test") if source.endswith(end)), None)
    root = Path(source)
    if not root.exists() and split is not None:
        root = Path(source.removesuffix(f":{split}"))
    if not root.is_absolute() or not root.exists():
        raise _NotSoError(f"{source} is a built-in data set")
    if root.is_file() and not has_tables(root):
        return _archive(cleaned, root, target)
    if is_saved(root):
        return None
    if any(has_idx_split(root, each) for each in ("train", "test")):
        raise _NotSoError("IDX files number their examples by row, and dropping one renames others")
    if has_tables(root):
        raise _NotSoError("Parquet and Arrow files are only read")
    return _images(cleaned, root, split, target)


def _archive(cleaned: Cleaned, path: Path, target: Path) -> Written:
    arrays = read_arrays(path)
    images, labels = next((pair for pair in PAIRS if pair[0] in arrays), PAIRS[-1])
    if images.startswith("x_"):
        raise _NotSoError(
            "archives with splits number their examples by row, and dropping one renames others"
        )
    after = cleaned.after
    shape = (len(after), *arrays[images].shape[1:])
    file = target / path.name
    write_npz(
        file,
        {
            images: after.content.reshape(shape),
            labels: after.labels.astype(arrays[labels].dtype),
            "ids": after.ids,
            "class_names": np.array(after.class_names, dtype=np.str_),
        },
    )
    again = open_data(str(file))
    if again.digest != after.digest:
        raise _NotSoError(f"{path.name} could not hold them unchanged")
    kept = {images, labels, "ids", "class_names"}
    left = sorted(arrays.keys() - kept)
    note = f"Other arrays of {path.name} were left out: {', '.join(left)}." if left else ""
    return Written(f"{FOLDER}/{path.name}", "an .npz archive", again.digest, note)


def _images(cleaned: Cleaned, root: Path, split: str | None, target: Path) -> Written:
    """Copy the files as they are; an example with a new label moves to that class's folder."""
    before, after = cleaned.before, cleaned.after
    splits = split_folders(root)
    top = splits[split or "train"].relative_to(root) if splits else Path()
    label_before = dict(zip(before.ids.tolist(), before.labels.tolist(), strict=True))
    taken = set(before.ids.tolist())
    renamed: dict[str, str] = {}
    for name, label in zip(after.ids.tolist(), after.labels.tolist(), strict=True):
        moved = label != label_before[name]
        place = name
        if moved:
            place = _free((top / after.class_names[label] / Path(name).name).as_posix(), taken)
            taken.add(place)
            renamed[name] = place
        _copy(root / name, target / place)
    for other in splits.values():
        if other.relative_to(root) != top:
            shutil.copytree(other, target / other.name, symlinks=True)
    _, height, width, _ = before.content.shape
    where = f"{target}:{split}" if split else str(target)
    try:
        # What has this size already is left as it is.
        again = open_data(where, image_size=height if height == width else None)
    except DataError as error:
        raise _NotSoError(f"a folder of its images could not be opened again: {error}") from error
    _compare(again, after, renamed)
    note = "Files with a new label moved to its folder, which changed their ids." if renamed else ""
    return Written(FOLDER, "a folder of images", again.digest, note, renamed)


def _copy(file: Path, to: Path) -> None:
    if not file.is_file():
        raise _NotSoError(f"there is no file {file} any more, or its name is no plain text")
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, to)


def _free(place: str, taken: set[str]) -> str:
    """A path that nothing has yet: the number before the ending is counted up."""
    path = Path(place)
    number = 2
    while place in taken:
        place = path.with_stem(f"{path.stem}-{number}").as_posix()
        number += 1
    return place


def _compare(again: Dataset, after: Dataset, renamed: Mapping[str, str]) -> None:
    """Raise unless both hold the same pixels under the same labels and (new) ids."""

    def rows(examples: Dataset, names: Mapping[str, str]) -> set[tuple[str, str, str]]:
        labels = (examples.class_names[label] for label in examples.labels.tolist())
        ids = (names.get(each, each) for each in examples.ids.tolist())
        return set(zip(ids, examples.digests.tolist(), labels, strict=True))

    if rows(again, {}) != rows(after, renamed):
        raise _NotSoError("a folder of its images would be read in another way than before")
