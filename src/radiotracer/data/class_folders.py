"""Files sorted into one folder per class."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.format import CannotWriteError, Written, split_of
from radiotracer.data.mending import names_now
from radiotracer.errors import DataError

LOOKED_AT = 1000
"""Files of a folder whose endings say what it holds."""

SPLITS = ({"train", "test"}, {"train", "val"}, {"train", "val", "test"})
"""Folders that, when a root holds exactly these, are splits and not classes."""


@dataclass(frozen=True, slots=True)
class File:
    """A file in the folder of a class.

    Args:
        path: Where it lies.
        id: The path from the root, with ``/``.
        label: The place of its class.
    """

    path: Path
    id: str
    label: int


def split_folders(root: Path) -> dict[str, Path]:
    """``{"train": ..., "test": ...}`` if the folders in `root` are splits, else nothing.

    ``val`` stands in for a ``test`` that is not there.
    """
    present = {path.name for path in _visible(root) if path.is_dir() and not path.is_symlink()}
    if present not in SPLITS:
        return {}
    return {"train": root / "train", "test": root / ("test" if "test" in present else "val")}


def class_folders(root: Path, what: str) -> list[str]:
    """The folders in `root`, sorted: each is a class.

    Args:
        root: The folder.
        what: What is sorted into them, in the plural, for the error.

    Raises:
        DataError: There is none.
    """
    names = sorted(path.name for path in _visible(root) if path.is_dir() and not path.is_symlink())
    if not names:
        raise DataError(
            expected=f"a folder per class in {root}",
            came="no folder",
            do=f"sort the {what} into one folder per class",
        )
    return names


def find_files(
    root: Path,
    top: Path,
    classes: Sequence[str],
    suffixes: Set[str],
    what: str,
) -> tuple[list[File], list[LeftOut]]:
    """Every file below `top`, by class and then by path, and what was left out.

    Args:
        root: What ids begin at.
        top: The root, or the folder of a split.
        classes: Folders that there may be.
        suffixes: The endings of what counts, in lower case.
        what: What that is, for reasons.

    Raises:
        DataError: A folder that is no class.
    """
    files: list[File] = []
    left_out: list[LeftOut] = []

    def leave_out(path: Path, reason: str) -> None:
        left_out.append(LeftOut(as_text(path.relative_to(root).as_posix()), reason))

    def walk(folder: Path, label: int) -> None:
        for path in sorted(_visible(folder)):
            if path.is_symlink():
                leave_out(path, "a symbolic link, which may lead out of the folder")
            elif path.is_dir():
                walk(path, label)
            elif not path.is_file():
                leave_out(path, "not a plain file")
            elif path.suffix.lower() not in suffixes:
                leave_out(path, f"its name does not end like that of {what}")
            else:
                files.append(File(path, as_text(path.relative_to(root).as_posix()), label))

    for path in sorted(_visible(top)):
        if path.is_symlink():
            leave_out(path, "a symbolic link, which may lead out of the folder")
        elif path.is_dir() and path.name in classes:
            walk(path, classes.index(path.name))
        elif path.is_dir():
            raise DataError(
                expected=f"the classes of the training split ({', '.join(classes[:10])})",
                came=f"the folder {path}",
                do="add the class to the training split or remove it here",
            )
        elif path.suffix.lower() in suffixes:
            leave_out(path, "not in the folder of a class")
    return files, left_out


def endings(root: Path) -> Counter[str]:
    """How many files below the folders of `root` have which ending, of the first ones."""
    found: Counter[str] = Counter()
    for path in sorted(_visible(root)):
        if path.is_dir() and not path.is_symlink():
            for each in _files(path):
                found[each.suffix.lower()] += 1
                if found.total() >= LOOKED_AT:
                    return found
    return found


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(_visible(folder)):
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _visible(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        raise DataError(
            expected=f"to read the folder {folder}",
            came=error.strerror or str(error),
            do="check the path and its permissions",
        ) from error


def as_text(name: str) -> str:
    """A file name need not be UTF-8; ids and class names must be, for Parquet and JSON."""
    return name.encode(errors="backslashreplace").decode()


def copy_files(before: Dataset, after: Dataset, folder: Path) -> Written:
    """Write a folder of one file per example and one folder per class.

    Args:
        before: As they were opened from such a folder; ids are paths.
        after: Some of them, some under other labels.
        folder: An empty folder. The folders of other splits are copied, too.

    Raises:
        CannotWriteError: A file is gone, or its name is no plain text.
    """
    base, split = split_of(before.source)
    root = Path(base)
    splits = split_folders(root)
    top = splits[split or "train"].relative_to(root) if splits else Path()
    depth = len(top.parts)
    taken = set(before.ids.tolist())
    renamed: dict[str, str] = {}
    for name, label in zip(after.ids.tolist(), after.labels.tolist(), strict=True):
        place = name
        # Not the label that it had: classes may have been merged since it was read.
        if Path(name).parts[depth] != after.class_names[label]:
            place = _free((top / after.class_names[label] / Path(name).name).as_posix(), taken)
            taken.add(place)
            renamed[name] = place
        _copy(root / name, folder / place)
    now = names_now(before, after)
    for other in splits.values():
        if other.relative_to(root) != top:
            _copy_split(other, folder / other.name, now)
    note = "Files with a new label moved to its folder, which changed their ids." if renamed else ""
    return Written(note=note, renamed=renamed)


def _copy_split(split: Path, to: Path, now: Mapping[str, str | None]) -> None:
    """Copy the folder of another split; its classes are merged and dropped alike."""
    to.mkdir(parents=True)
    for each in sorted(split.iterdir()):
        name = now.get(each.name, each.name) if each.is_dir() else each.name
        if name is None:
            continue
        if not each.is_dir() or each.is_symlink():
            shutil.copy2(each, to / name, follow_symlinks=False)
        elif name == each.name and not (to / name).exists():
            shutil.copytree(each, to / name, symlinks=True)
        else:
            _merge_into(each, to / name)


def _merge_into(folder: Path, to: Path) -> None:
    taken = {path.relative_to(to).as_posix() for path in to.rglob("*")}
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() or not file.is_dir():
            place = _free(file.relative_to(folder).as_posix(), taken)
            taken.add(place)
            (to / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, to / place, follow_symlinks=False)


def _copy(file: Path, to: Path) -> None:
    if not file.is_file():
        raise CannotWriteError(f"there is no file {file} any more, or its name is no plain text")
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
