"""What of a folder is for the public: the data, their files, and the commitment to marks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from radiotracer.data import Dataset, open_data
from radiotracer.data.saved import ARRAYS, DESCRIPTION, IDS, is_saved
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.bound import COMMITMENT_FILE, PUBLISHED
from radiotracer.provenance.commitment import Commitment
from radiotracer.provenance.record import RECORD_FILE
from radiotracer.review.changes import CHANGES
from radiotracer.review.export import TABLE
from radiotracer.review.formats import FOLDER
from radiotracer.runs.texts import parsed


@dataclass(frozen=True, eq=False)
class Published:
    """Data to publish.

    Args:
        kind: Marked by `radiotracer mark`, cleaned by `radiotracer review --export`, or neither.
        name: A short one.
        base: The folder that is published; paths are relative to it.
        examples: The data.
        files: Single files.
        sets: Suffixes of files, such as ``.png``, that lie in folders of classes.
        commitment: To the marks; None where there are none that we know of.
    """

    kind: Literal["marked", "cleaned", "stored"]
    name: str
    base: Path
    examples: Dataset
    files: tuple[str, ...]
    sets: tuple[str, ...]
    commitment: str | None


def published(folder: str | os.PathLike[str], **options: Any) -> Published:
    """Open the public half of a folder; nothing sealed is read, and no key.

    Args:
        folder: What `mark` wrote, the folder ``release`` in it, what `review --export` wrote, or
            data that radiotracer stored.
        options: Of `open_data`, for cleaned data that need some: ``image_size=32``.

    Raises:
        InputError: It is none of these.
        DataError: It is damaged, or its commitment is another one than that of the data.
    """
    folder = Path(folder)
    name = folder.resolve().name
    if (folder / PUBLISHED / COMMITMENT_FILE).is_file():  # the whole of what mark wrote
        beside, folder = folder / COMMITMENT_FILE, folder / PUBLISHED
        if beside.is_file() and _commitment(beside.parent) != _commitment(folder):
            raise _other(beside, "the one that is published")
    if is_saved(folder):
        commitment = _commitment(folder)
        if commitment != _stated(folder):
            raise _other(folder / COMMITMENT_FILE, f"the one that {folder / DESCRIPTION} names")
        examples = open_data(folder)
        extra = {COMMITMENT_FILE, RECORD_FILE} if commitment else set()
        files = (DESCRIPTION, *sorted({IDS, ARRAYS, *_content(folder), *extra}))
        kind: Literal["marked", "stored"] = "marked" if commitment else "stored"
        return Published(kind, name, folder, examples, files, (), commitment)
    if (folder / CHANGES).is_file() and (data := _cleaned_data(folder)) is not None:
        examples = open_data(data, **options)
        files, sets = _listed(data)
        inside = tuple(f"{FOLDER}/{file}" for file in files)
        own = tuple(each for each in (CHANGES, TABLE) if (folder / each).is_file())
        commitment = _stated(data) if is_saved(data) else None
        return Published("cleaned", name, folder, examples, (*own, *inside), sets, commitment)
    raise InputError(
        expected="a scan, an audit, marked data, a cleaned export, or data that radiotracer stored",
        came=str(folder),
        do="pass a folder that radiotracer wrote",
    )


def _cleaned_data(folder: Path) -> Path | None:
    """The DATA argument of an export."""
    data = folder / FOLDER
    if not data.is_dir():
        return None
    inside = [] if is_saved(data) else list(data.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_file() else data


def _listed(data: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of single files at the top, and suffixes of files in folders below."""
    if data.is_file():
        return (data.name,), ()
    files = tuple(sorted(each.name for each in data.iterdir() if each.is_file()))
    return files, tuple(sorted({each.suffix.lower() for each in _below(data) if each.suffix}))


def _below(data: Path) -> Iterator[Path]:
    for folder in data.iterdir():
        if folder.is_dir():
            yield from (each for each in folder.rglob("*") if each.is_file())


def _commitment(folder: Path) -> str | None:
    path = folder / COMMITMENT_FILE
    if not path.is_file():
        return None
    try:
        return parsed(Commitment, path.read_bytes()).digest
    except (OSError, ValueError) as error:
        raise DataError(
            expected=f"{path} as `radiotracer mark` wrote it",
            came="another content",
            do="restore it",
        ) from error


def _stated(folder: Path) -> str | None:
    """The commitment that the data name; `open_data` says what else is wrong with the file."""
    provenance = _described(folder).get("provenance")
    stated = provenance.get("commitment") if isinstance(provenance, dict) else None
    return stated if isinstance(stated, str) else None


def _content(folder: Path) -> set[str]:
    """The files that hold the examples themselves; only names of files in this very folder."""
    named = _described(folder).get("files")
    inside = {each.name for each in folder.iterdir() if each.is_file()}
    return inside.intersection(str(each) for each in named) if isinstance(named, list) else set()


def _described(folder: Path) -> dict[str, Any]:
    """What data.json says, or nothing where it cannot be read."""
    try:
        found = json.loads((folder / DESCRIPTION).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _other(path: Path, than: str) -> DataError:
    return DataError(
        expected=f"one commitment: that in {path} and {than}",
        came="two that differ, or one alone",
        do="restore the one that was published",
    )
