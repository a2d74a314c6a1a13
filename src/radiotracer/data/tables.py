"""Tables at a place: their files, what their columns are, and the rows that were read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from radiotracer.data.arrow_files import FROM_ANY_FILE, damaged
from radiotracer.data.class_folders import visible
from radiotracer.data.columns import id_column, label_column
from radiotracer.data.dataset import LeftOut
from radiotracer.data.format import Options, Place
from radiotracer.data.labels import Given
from radiotracer.data.listed import Listed
from radiotracer.data.npz import numbered
from radiotracer.data.roles import Holds, Peek, Roles, holds, roles_of
from radiotracer.data.rows import Read, Rows, stem
from radiotracer.data.shards import Shards, by_split, find_shards, has_tables
from radiotracer.data.splits import WHOLE, chosen, named_in
from radiotracer.data.table_files import SUFFIXES, File, is_list_of_records, peek, read_file
from radiotracer.errors import DataError

T = TypeVar("T")

TABLES = "tables"
"""Under this name a place keeps its tables."""

Take = Callable[[File, Path, str], Sequence[T | None]]
"""The items of one file: its columns, where it lies, and its split."""


@dataclass(frozen=True)
class Tables:
    """Files of columns that make a data set.

    Args:
        root: The file or folder.
        shards: The files.
        peek: The beginning of the first of them.
    """

    root: Path
    shards: Shards
    peek: Peek

    @functools.cached_property
    def listed(self) -> Listed:
        """The images that lie beside the first file."""
        return Listed(self.shards.first.parent)

    def holds(self, options: Options) -> Holds:
        """What a row is an example of."""
        return holds(self.peek, options, self.listed.knows)

    def roles(self, options: Options) -> Roles:
        """What the columns are; the errors are those of `roles_of`."""
        return roles_of(self.peek, options, self.listed.knows, self.root)


def tables_at(place: Place) -> Tables | None:
    """The tables at a place; None where there are none. Of the first file the beginning is read.

    Raises:
        DataError: It is damaged, or a shard is missing.
    """
    if TABLES not in place.found:
        place.found[TABLES] = _tables_at(place.path) if place.exists else None
    found: Tables | None = place.found[TABLES]
    return found


def _tables_at(path: Path) -> Tables | None:
    if path.is_file() and path.suffix.lower() == ".json":
        return Tables(path, find_shards(path), peek(path)) if is_list_of_records(path) else None
    if has_tables(path, SUFFIXES):
        shards = find_shards(path, SUFFIXES)
        return Tables(path, shards, peek(shards.first))
    return _beside_folders(path) if path.is_dir() else None


def held_at(place: Place, options: Options) -> Holds | None:
    """What the tables at a place hold; None where there are none."""
    tables = tables_at(place)
    if tables is None:
        return None
    found = tables.holds(options)
    if has_tables(place.path, SUFFIXES) or place.path.is_file():
        return found
    # Beside folders of classes a table is only of use where it names most of their files.
    return found if found == "files" and _covers(tables, options) else None


def read_every(
    tables: Tables,
    split: str | None,
    roles: Roles,
    take: Take[T],
    *,
    columns: Sequence[str] | None,
) -> Read[T]:
    """Labels, ids and items of every file.

    Args:
        tables: Where.
        split: Which split was asked for.
        roles: What the columns are.
        take: What the examples are.
        columns: Those that `take` needs; None is all of them.

    Raises:
        DataError: A damaged file, or columns that are missing or of other types.
    """
    opened = chosen(tables.shards.by_split, split, tables.root)
    left_out = [
        LeftOut(stem(file, tables.root), "of no split, beside files that are of one")
        for file in tables.shards.left_out
    ]
    notes = list(roles.notes)
    rows: dict[str, list[Rows[T]]] = {}
    for name, files in tables.shards.by_split.items():
        if name != opened and roles.label not in peek(files[0]).names:
            # A test split whose labels nobody was given is common.
            notes.append(f"the table {files[0].name} has no column {roles.label} and is not used")
            continue
        for path in files:
            wanted = columns
            if columns and roles.id is not None and path != tables.shards.first:
                # Ids may have been added to some of the files.
                names = peek(path).names
                wanted = [each for each in columns if each != roles.id or each in names]
            file = read_file(path, tables.root, wanted)
            rows.setdefault(name, []).append(_rows(file, roles, path, name, take))
            if name == opened:
                left_out += file.left_out
            notes += [each for each in file.notes if each not in notes]
    return Read(rows, opened, tables.root, split, left_out, notes)


def labels_and_ids(file: File, roles: Roles, path: Path | str) -> tuple[Given, Sequence[str]]:
    """The labels and the ids of a file's rows."""
    labels = label_column(
        file.table[roles.label], path, feature=file.feature(roles.label), typed=file.typed
    )
    if roles.id is None or roles.id not in file.table.column_names:
        ids: Sequence[str] = numbered(f"{file.name}/".removeprefix("/"), len(file.table)).tolist()
        return labels, ids
    return labels, id_column(file.table[roles.id], path)


def _rows(file: File, roles: Roles, path: Path, split: str, take: Take[T]) -> Rows[T]:
    try:
        labels, ids = labels_and_ids(file, roles, path)
        return Rows(take(file, path, split), labels, ids)
    except FROM_ANY_FILE as error:
        raise damaged(path, error) from error


def _beside_folders(folder: Path) -> Tables | None:
    """The tables in a folder that has other folders, of images perhaps."""
    files = [each for each in visible(folder) if each.suffix.lower() in SUFFIXES and each.is_file()]
    if not files:
        return None
    by_name = [(each, named_in(each.stem)) for each in files]
    named = [each for each in by_name if each[1] != WHOLE]
    if not named and len(files) > 1:
        return None
    shards = by_split(folder, named or by_name)
    try:
        return Tables(folder, shards, peek(shards.first))
    except DataError:
        return None  # what lies beside the folders may be anything


def _covers(tables: Tables, options: Options) -> bool:
    roles = tables.roles(options)
    assert roles.item is not None  # noqa: S101
    every: Iterable[Path] = (f for files in tables.shards.by_split.values() for f in files)
    named = 0
    for path in every:
        table = read_file(path, tables.root, [roles.item]).table
        named += sum(tables.listed.find(str(each.as_py())) is not None for each in table[0])
    return 2 * named >= len(tables.listed)
