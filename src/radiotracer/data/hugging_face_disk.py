"""What `datasets.Dataset.save_to_disk` says of its folder: which files count, in which order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from radiotracer.data.encoded import read_limited
from radiotracer.data.rows import Item_co, Read, Rows
from radiotracer.errors import DataError

STATE = "state.json"
"""Names the files of a data set. What else lies beside them are caches of later operations."""

SPLITS = "dataset_dict.json"
"""Names the splits of a dictionary of data sets; each is a folder."""

_MOST = 1 << 24


@dataclass(frozen=True)
class State:
    """A saved data set.

    Args:
        files: The names of its tables, in order.
        indices: The names of the tables that say which of their rows are meant, in which order, as
            early versions wrote them for data that had been shuffled or filtered; mostly none.
    """

    files: tuple[str, ...]
    indices: tuple[str, ...]


def read_state(folder: Path) -> State | None:
    """What a folder says about itself; None where it says nothing.

    Raises:
        DataError: It cannot be read, or names something that is no file in this folder.
    """
    path = folder / STATE
    if not path.is_file():
        return None
    found = _json(path)
    files = _names(found.get("_data_files"), path)
    # A folder may hold another program's file of this name.
    if not files:
        return None
    return State(files, _names(found.get("_indices_data_files"), path))


def read_splits(folder: Path) -> frozenset[str] | None:
    """The splits of a saved dictionary of data sets; None for what is none.

    Raises:
        DataError: It cannot be read.
    """
    path = folder / SPLITS
    if not path.is_file():
        return None
    splits = _json(path).get("splits")
    if not isinstance(splits, list) or not all(isinstance(each, str) for each in splits):
        raise _refused(path, "no list of splits")
    return frozenset(splits)


def in_order(read: Read[Item_co], files: Mapping[str, Sequence[Path]]) -> Read[Item_co]:
    """The rows that are meant, in their order; each keeps its id.

    Args:
        read: All rows.
        files: Where those of each split lie.

    Raises:
        DataError: The indices cannot be read, or lead out of the rows.
    """
    ordered = {name: _in_order(rows, files[name][0].parent) for name, rows in read.by_split.items()}
    return replace(read, by_split=ordered)


def _in_order(rows: Sequence[Rows[Item_co]], folder: Path) -> Sequence[Rows[Item_co]]:
    state = read_state(folder)
    if state is None or not state.indices:
        return rows
    which = [row for name in state.indices for row in _indices(folder / name)]
    n = sum(len(each.ids) for each in rows)
    if which and not 0 <= min(which) <= max(which) < n:
        raise _refused(folder / state.indices[0], f"rows beyond the {n} that there are")
    if (
        len({(part.labels.names, *{type(each) for each in part.labels.values}) for part in rows})
        > 1
    ):
        raise _refused(folder / state.files[0], "files that disagree on the classes")
    items = [each for part in rows for each in part.items]
    labels = [each for part in rows for each in part.labels.values]
    ids = [each for part in rows for each in part.ids]
    return [
        Rows(
            [items[row] for row in which],
            replace(rows[0].labels, values=[labels[row] for row in which]),
            [ids[row] for row in which],
        )
    ]


def require_no_indices(folder: Path) -> None:
    """Raise `DataError` where some rows of the tables are meant, in an order of their own."""
    state = read_state(folder)
    if state is not None and state.indices:
        raise _refused(folder / STATE, "data that were shuffled or filtered")


def _indices(path: Path) -> list[int]:
    import pyarrow as pa  # only where there are such tables

    from radiotracer.data.arrow_files import read_table

    table = read_table(path, lambda schema, _: schema.names)
    if table.column_names != ["indices"] or not pa.types.is_integer(table["indices"].type):
        raise _refused(path, "no column of indices alone")
    if table["indices"].null_count:
        raise _refused(path, "indices that are missing")
    indices: list[int] = table["indices"].to_pylist()
    return indices


def _json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(read_limited(path, _MOST, "JSON"))
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"{type(error).__name__}: {str(error)[:100]}") from error
    if not isinstance(found, dict):
        raise _refused(path, "no object")
    return found


def _names(listed: object, path: Path) -> tuple[str, ...]:
    """File names of a list of ``{"filename": …}``: such that lie in the folder itself."""
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise _refused(path, "no list of files")
    names = []
    for each in listed:
        name = each.get("filename") if isinstance(each, dict) else None
        if not isinstance(name, str) or "\0" in name or name in ("", ".", ".."):
            raise _refused(path, "a file without a name")
        if name != Path(name).name or (path.parent / name).is_symlink():
            raise _refused(path, f"the file {name}, which may lie elsewhere")
        names.append(name)
    return tuple(names)


def _refused(path: Path, came: str) -> DataError:
    return DataError(
        expected=f"what Hugging Face's save_to_disk writes in {path}",
        came=came,
        do="save the data set again",
    )
