"""Which tables or archives make a data set, as Hugging Face lays them out; their splits."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from radiotracer.data.class_folders import visible
from radiotracer.data.hugging_face_disk import STATE, read_splits, read_state
from radiotracer.data.splits import NAMES, TRAIN, WHOLE, named, named_in
from radiotracer.errors import DataError

SUFFIXES = frozenset((".parquet", ".arrow", ".feather"))
"""File names that are taken for tables, whatever their case."""

_NUMBER = re.compile(r"(?P<of>.*)-(?P<number>\d{5})-of-(?P<all>\d{5})")


@dataclass(frozen=True)
class Shards:
    """The files of a data set.

    Args:
        by_split: Files in order, by split; all of them under `WHOLE` where there is at most one.
        left_out: Files and folders of no split, beside those that are of one.
    """

    by_split: dict[str, list[Path]]
    left_out: tuple[Path, ...] = ()

    @property
    def first(self) -> Path:
        """The first file of what is learned from."""
        files = self.by_split.get(TRAIN) or next(iter(self.by_split.values()))
        return files[0]


def has_tables(path: Path, suffixes: Set[str] = SUFFIXES) -> bool:
    """Whether `path` is a table, or a folder with tables and no other folders than splits."""
    if path.is_file():
        return path.suffix.lower() in suffixes
    return path.is_dir() and bool(_tables(path, suffixes))


def find_shards(path: Path, suffixes: Set[str] = SUFFIXES) -> Shards:
    """The tables at `path`: one file, or a folder with ``train-00000-of-00002.parquet`` and so on.

    The files lie in the folder itself, in its folder ``data``, or in folders called like splits
    (as `datasets.DatasetDict.save_to_disk` writes them, whose own lists of files and splits are
    kept to). Hidden files are skipped.

    Args:
        path: The file or folder.
        suffixes: The endings of what counts, in lower case.

    Raises:
        DataError: There is no table, or a shard is missing.
    """
    if path.is_file():
        return Shards({WHOLE: [path]})
    found = _tables(path, suffixes)
    if not found:
        raise DataError(
            expected=f"files that end in {', '.join(sorted(suffixes))} in {path}",
            came="none",
            do="check the path",
        )
    return by_split(path, found)


def by_split(path: Path, found: list[tuple[Path, str]]) -> Shards:
    """Files of a folder by their splits.

    Args:
        path: The folder.
        found: Each file with its split, in order.

    Raises:
        DataError: A shard is missing.
    """
    splits: dict[str, list[Path]] = {}
    for file, split in found:
        splits.setdefault(split, []).append(file)
    if len(splits) == 1 and TRAIN not in splits:
        splits = {WHOLE: [file for file, _ in found]}
    for files in splits.values():
        _require_all(files)
    others = splits.pop(WHOLE, []) if len(splits) > 1 else []
    foreign = [path / name for name in sorted(read_splits(path) or ()) if not named(name)]
    ordered = {
        name: splits[name] for name in dict.fromkeys((*NAMES.values(), WHOLE)) if name in splits
    }
    return Shards(ordered, (*others, *foreign))


def _tables(root: Path, suffixes: Set[str]) -> list[tuple[Path, str]]:
    """Every table of a folder with its split, sorted; none where classes may be the folders."""
    folders = {each.name: each for each in visible(root) if each.is_dir()}
    strange = {name for name in folders if name != "data" and not named(name)}
    if strange - (read_splits(root) or set()):
        return []
    listed: list[tuple[Path, str]] = []
    found: list[tuple[Path, str]] = []
    for name, folder in {WHOLE: root, **folders}.items():
        if name in strange:
            continue
        if folder is not root and any(each.is_dir() for each in visible(folder)):
            return []
        by_name = {
            each.name: each
            for each in visible(folder)
            if each.suffix.lower() in suffixes and each.is_file()
        }
        state = read_state(folder)
        names = (
            [name for name in state.files if Path(name).suffix.lower() in suffixes] if state else []
        )
        for file in _named(names, by_name, folder) if state else by_name.values():
            split = (named(name) if name else None) or named_in(file.stem)
            (listed if state else found).append((file, split))
    return [*listed, *sorted(found)]


def _named(names: list[str], there: dict[str, Path], folder: Path) -> list[Path]:
    missing = [name for name in names if name not in there]
    if missing:
        raise DataError(
            expected=f"the {len(names)} files that {folder / STATE} names",
            came=f"no {missing[0]}",
            do="fetch the missing ones, or save the data set again",
        )
    return [there[name] for name in names]


def _require_all(files: list[Path]) -> None:
    """A data set of which a shard is missing would be another one, silently."""
    numbers: dict[tuple[Path, str, int], set[int]] = {}
    for file in files:
        if match := _NUMBER.fullmatch(file.stem):
            key = (file.parent, match["of"], int(match["all"]))
            numbers.setdefault(key, set()).add(int(match["number"]))
    for (folder, name, total), there in numbers.items():
        missing = sorted(set(range(min(total, 100_000))) - there)
        if missing:
            raise DataError(
                expected=f"the {total} files {name}-NNNNN-of-{total:05d} in {folder}",
                came=f"{len(there)} of them, without number {missing[0]:05d}",
                do="fetch the missing ones",
            )
