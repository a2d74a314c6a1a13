"""Files sorted into one folder per class."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.format import CannotWriteError, Options, Written, split_of
from radiotracer.data.labels import Given
from radiotracer.data.links import Links
from radiotracer.data.mending import names_now
from radiotracer.data.quality import LITTER
from radiotracer.data.rows import Read, Rows
from radiotracer.data.splits import WHOLE, chosen, named, one_of_each
from radiotracer.errors import DataError

LOOKED_AT = 1000
"""Files of a folder whose endings say what it holds."""

LOOSE = "not in the folder of a class"
"""Why a file was left out."""

TABLES = frozenset((".csv", ".tsv", ".jsonl", ".parquet"))
"""Endings of what may be a table of labels beside the folders."""


@dataclass
class _Found:
    """What was found in the folders of one split."""

    files: list[Path] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    below: dict[str, set[str]] = field(default_factory=dict)
    litter: set[str] = field(default_factory=set)


def split_folders(root: Path, split: str | None = None) -> dict[str, Path]:
    """The folders in `root` that are splits, by what they are; nothing where they are classes.

    Args:
        root: The folder.
        split: What was asked for: then other folders beside the splits are no matter.

    Raises:
        DataError: Some are called like splits and others are not, or two are the same split.
    """
    folders = [path for path in visible(root) if path.is_dir() and not is_litter(path)]
    splits = [path for path in folders if named(path.name)]
    others = sorted(path.name for path in folders if not named(path.name))
    if not splits or (others and split is None and not _are_splits(splits, others)):
        return {}
    return one_of_each([(path.name, path) for path in splits], root)


def read_class_folders(
    root: Path, split: str | None, options: Options, suffixes: Set[str], what: str
) -> Read[Path]:
    """Every file of the folders of classes, of all splits.

    Ids are paths from the root. Hidden files are skipped; links are followed into folders that were
    named alone; what is no such file by its name is left out and listed.

    Args:
        root: The folder.
        split: Which split was asked for.
        options: What `open_data` was told.
        suffixes: The endings of what counts, in lower case.
        what: What that is: ``"image"``.

    Raises:
        DataError: No folder of a class, a split that is not there, or folders that may be both.
    """
    tops: dict[str, Path] = split_folders(root, split) or {WHOLE: root}
    opened = chosen(tops, split, root)
    links = Links(root, options.follow_links)
    found = {name: _walk(root, top, suffixes, what, links) for name, top in tops.items()}
    ours = found[opened]
    if not ours.classes and not ours.files:
        raise _no_class(tops[opened], ours, what, links)
    notes = [f"{name} is no class: archives and systems leave it" for name in sorted(ours.litter)]
    notes += links.notes()
    deep = {name: sorted(below) for name, below in ours.below.items()}
    if deep:
        name, below = next(iter(sorted(deep.items())))
        notes.append(
            "folders within the folder of a class count for that class: "
            f"{name} ({', '.join(below[:3])}{', …' * (len(below) > 3)})"
        )
    left_out = [*ours.left_out, *_beside(root, tops.values(), suffixes)]
    rows = {
        name: [
            Rows(each.files, Given(each.classes, declared=True), [_id(f, root) for f in each.files])
        ]
        for name, each in found.items()
    }
    return Read(rows, opened, root, split, left_out, notes)


def endings(root: Path) -> Counter[str]:
    """How many files below the folders of `root` have which ending, of the first ones."""
    found: Counter[str] = Counter()
    for path in visible(root):
        if path.is_dir() and not is_litter(path):
            for each in _files(path):
                found[each.suffix.lower()] += 1
                if found.total() >= LOOKED_AT:
                    return found
    return found


def is_litter(folder: Path) -> bool:
    """Whether a folder is one that a system or an archive leaves behind."""
    return folder.name.casefold() in LITTER


def visible(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, hidden files left alone.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
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
    splits = split_folders(root, split)
    top = splits[chosen(splits, split, root)].relative_to(root) if splits else Path()
    taken = set(before.ids.tolist())
    renamed: dict[str, str] = {}
    for name, label in zip(after.ids.tolist(), after.labels.tolist(), strict=True):
        place, wanted = name, after.class_names[label]
        if Path(name).relative_to(top).parts[0] != wanted:
            place = _free((top / wanted / Path(name).name).as_posix(), taken)
            taken.add(place)
            renamed[name] = place
        _copy(root / name, folder / place)
    now = names_now(before, after)
    for other in splits.values():
        if other.relative_to(root) != top:
            _copy_split(other, folder / other.name, now)
    note = "Files with a new label moved to its folder, which changed their ids." if renamed else ""
    return Written(note=note, renamed=renamed)


def _are_splits(splits: Sequence[Path], others: Sequence[str]) -> bool:
    """Never, where other folders lie beside: nobody can tell what is meant."""
    root = splits[0].parent
    names = ", ".join(path.name for path in splits)
    listed = ", ".join(others[:3]) + ", …" * (len(others) > 3)
    raise DataError(
        expected=f"folders of splits or folders of classes in {root}",
        came=f"{names} (splits?) beside {listed} (classes?)",
        do=f"say {root.name}:{named(splits[0].name)} for the split, or rename what is a class",
    )


def _walk(root: Path, top: Path, suffixes: Set[str], what: str, links: Links) -> _Found:
    found = _Found()

    def leave_out(path: Path, reason: str) -> None:
        found.left_out.append(LeftOut(_id(path, root), reason))

    def leave_litter(folder: Path) -> None:
        found.litter.add(folder.name)
        for path in _files(folder):
            leave_out(path, f"in {folder.name}, a folder that a system or an archive left behind")

    def walk(folder: Path, name: str, depth: int) -> None:
        for path in visible(folder):
            if problem := links.problem(path):
                leave_out(path, problem)
            elif path.is_dir():
                walk(path, name, depth + 1) if not is_litter(path) else leave_litter(path)
            elif not path.is_file():
                leave_out(path, "not a plain file")
            elif path.suffix.lower() not in suffixes:
                leave_out(path, f"its name does not end like that of {_a(what)}")
            else:
                found.files.append(path)
                found.classes.append(name)
                if depth:
                    below = folder.relative_to(top).parts[1]
                    found.below.setdefault(name, set()).add(as_text(below))

    for path in visible(top):
        if problem := links.problem(path):
            leave_out(path, problem)
        elif path.is_dir() and is_litter(path):
            leave_litter(path)
        elif path.is_dir():
            before = len(found.files)
            walk(path, as_text(path.name), 0)
            if len(found.files) == before:
                leave_out(path, f"a folder without {what}s, and no class")
        elif path.suffix.lower() in suffixes:
            leave_out(path, LOOSE)
        elif path.is_file() and path.suffix.lower() in TABLES:
            leave_out(path, "a table that does not name most of the files beside it")
    return found


def _beside(root: Path, tops: Collection[Path], suffixes: Set[str]) -> list[LeftOut]:
    """What lies beside folders of splits and is in none of them."""
    if root in tops:
        return []
    others = [path for path in visible(root) if path not in tops]
    return [
        LeftOut(_id(path, root), "beside the folders of splits")
        for path in others
        if path.is_dir() or path.suffix.lower() in suffixes
    ]


def _no_class(top: Path, found: _Found, what: str, links: Links) -> DataError:
    loose = sum(each.reason == LOOSE for each in found.left_out)
    count, folder = links.refused
    if count and not loose:
        return DataError(
            expected=f"a folder of {what}s per class in {top}",
            came=f"{count:,} symbolic links into {folder}",
            do=f"pass follow_links={folder!r} to read what they lead to",
        )
    return DataError(
        expected=f"a folder of {what}s per class in {top}",
        came=f"{loose:,} {what}s without one" if loose else f"no folder with {what}s",
        do=f"sort the {what}s so, or put a table of file names and labels beside them",
    )


def _id(path: Path, root: Path) -> str:
    return as_text(path.relative_to(root).as_posix())


def _a(what: str) -> str:
    return f"{'an' if what[0] in 'aeiou' else 'a'} {what}"


def _files(folder: Path) -> Iterator[Path]:
    for path in visible(folder):
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


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
