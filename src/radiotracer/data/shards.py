"""Which tables or archives make a data set, as Hugging Face lays them out; their splits."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from radiotracer.data.hugging_face_disk import STATE, read_splits, read_state
from radiotracer.errors import DataError

SUFFIXES = frozenset((".parquet", ".arrow", ".feather"))
"""File names that are taken for tables, whatever their case."""

WHOLE = ""
"""Stands for the split of data that have none."""

_SPLIT_OF = {
    "train": "train",
    "test": "test",
    "validation": "val",
    "valid": "val",
    "val": "val",
    "dev": "val",
}
_FIRST_WORD = re.compile(rf"({'|'.join(_SPLIT_OF)})(?![A-Za-z0-9])")
_NUMBER = re.compile(r"(?P<of>.*)-(?P<number>\d{5})-of-(?P<all>\d{5})")


@dataclass(frozen=True)
class Shards:
    """The files of a data set.

    Args:
        by_split: Files in order, by ``"train"`` and ``"test"`` (a validation split stands in for a
            test split that is not there); all of them under `WHOLE` where none is called train.
        left_out: Files and folders of other splits than these.
    """

    by_split: dict[str, list[Path]]
    left_out: tuple[Path, ...] = ()


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
    by_split: dict[str, list[Path]] = {}
    for file, split in found:
        by_split.setdefault(split, []).append(file)
    if "train" not in by_split:
        everything = [file for file, _ in found]
        _require_all(everything)
        return Shards({WHOLE: everything})
    held_out = next((each for each in ("test", "val") if each in by_split), None)
    chosen = {"train": by_split["train"]}
    if held_out is not None:
        chosen["test"] = by_split[held_out]
    for files in chosen.values():
        _require_all(files)
    others = [path / name for name in sorted((read_splits(path) or set()) - _SPLIT_OF.keys())]
    return Shards(chosen, (*by_split.get(WHOLE, ()), *others))


def _tables(root: Path, suffixes: Set[str]) -> list[tuple[Path, str]]:
    """Every table of a folder with its split, sorted; none where classes may be the folders."""
    folders = {each.name: each for each in _visible(root) if each.is_dir()}
    if folders.keys() - {"data", *_SPLIT_OF} - (read_splits(root) or set()):
        return []
    listed: list[tuple[Path, str]] = []
    found: list[tuple[Path, str]] = []
    for name, folder in {WHOLE: root, **folders}.items():
        if name and name not in ("data", *_SPLIT_OF):
            continue
        if folder is not root and any(each.is_dir() for each in _visible(folder)):
            return []
        by_name = {
            each.name: each
            for each in _visible(folder)
            if _ends(each.name, suffixes) and each.is_file()
        }
        state = read_state(folder)
        names = [name for name in state.files if _ends(name, suffixes)] if state else []
        for file in _named(names, by_name, folder) if state else by_name.values():
            word = _FIRST_WORD.match(file.stem)
            split = _SPLIT_OF.get(name) or (_SPLIT_OF[word[1]] if word else WHOLE)
            (listed if state else found).append((file, split))
    return [*listed, *sorted(found)]


def _ends(name: str, suffixes: Set[str]) -> bool:
    return Path(name).suffix.lower() in suffixes


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


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    except OSError as error:
        raise DataError(
            expected=f"to read the folder {folder}",
            came=error.strerror or str(error),
            do="check the path and its permissions",
        ) from error
