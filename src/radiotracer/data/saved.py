"""Examples that radiotracer wrote: a folder whose arrays are mapped, not read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radiotracer.data.dataset import Dataset, LeftOut
from radiotracer.data.format import MENDING
from radiotracer.data.mending import Mending
from radiotracer.data.modality import MODALITIES, Modality
from radiotracer.data.npy import map_npy, write_npy
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import DataError
from radiotracer.files import atomic_file, write_text

FORMAT = 3
"""Formats 1 and 2 knew images alone."""

IDS = "ids.npy"
ARRAYS = "examples.npz"
DESCRIPTION = "data.json"
"""The files of a saved folder beside those of its modality; the last is written last, so that it
vouches for the others."""


def save_examples(
    examples: Dataset,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    provenance: Mapping[str, object] | None = None,
) -> None:
    """Write examples into an existing folder, which is then a DATA argument.

    Content that is a memory map passes by a stretch at a time.

    Args:
        examples: What to write; its ids, class names, validation data, left-out files and what
            was done to classes are kept.
        folder: Must exist; only ``ids.npy``, ``examples.npz`` (labels and class names),
            ``data.json`` and the files of the modality in it are written (replaced).
        name: For people; `examples.source` by default.
        provenance: How these examples came about, as JSON can hold it; read back by nobody here.

    Raises:
        StorageError: The disk refused.
    """
    folder = Path(folder)
    examples.modality.save(examples, folder)
    save_all_but_content(examples, folder, name=name, provenance=provenance)


def save_all_but_content(
    examples: Dataset,
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    provenance: Mapping[str, object] | None = None,
) -> None:
    """The same where the files of the modality are there already."""
    folder = Path(folder)
    with atomic_file(folder / IDS) as temporary:
        write_npy(temporary, examples.ids)
    with atomic_file(folder / ARRAYS) as temporary:
        names = np.array(examples.class_names, dtype=np.str_)
        write_npz(temporary, {"labels": examples.labels, "class_names": names})
    own = {DESCRIPTION, IDS, ARRAYS}
    description = {
        "format": FORMAT,
        "modality": examples.modality.name,
        "name": name or examples.source,
        "examples": len(examples),
        "class_names": list(examples.class_names),
        "source": examples.source,
        "validation": examples.validation,
        "digest": examples.digest,
        "shape": dict(examples.modality.shape(examples.content)),
        "files": sorted(each.name for each in folder.iterdir() if each.name not in own),
        "left_out": [{"path": q.path, "reason": q.reason} for q in examples.left_out],
        "mended": {name: list(each) for name, each in Mending.of(examples.options).given().items()},
        "provenance": dict(provenance or {}),
    }
    write_text(folder / DESCRIPTION, json.dumps(description, indent=2, allow_nan=False) + "\n")


def is_saved(folder: str | os.PathLike[str]) -> bool:
    """Whether `folder` is one of saved examples, of this format or another one."""
    folder = Path(folder)
    if not (folder / DESCRIPTION).is_file():
        return False
    if (folder / ARRAYS).is_file():
        return True
    try:
        found = json.loads((folder / DESCRIPTION).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"format", "examples", "digest"} <= found.keys()


def open_saved(folder: str | os.PathLike[str]) -> Dataset:
    """Open a folder that `save_examples` wrote; its `source` is the folder's absolute path.

    Pixels and `Dataset.ids` are read-only memory maps. All of both is read once, a stretch at a
    time, to see that they are what was written.

    Raises:
        DataError: A file cannot be read, or they no longer belong together.
    """
    folder = Path(folder)
    description = _read_description(folder / DESCRIPTION)
    modality = _modality(folder, _field(folder, description, "modality", (str,)))
    arrays = read_arrays(folder / ARRAYS, ["labels", "class_names"])
    if not arrays.keys() >= {"labels", "class_names"}:
        raise _edited(folder, f"arrays called {', '.join(arrays) or 'nothing'} in {ARRAYS}")
    names = _field(folder, description, "class_names", (list,))
    kept = arrays["class_names"]
    if not all(isinstance(name, str) for name in names) or not (
        kept.dtype.kind == "U" and np.array_equal(kept, np.array(names, dtype=np.str_))
    ):
        raise _edited(folder, f"other class names in {ARRAYS}")
    examples = Dataset(
        modality=modality,
        content=modality.load(folder),
        labels=arrays["labels"],
        ids=map_npy(folder / IDS),
        class_names=tuple(names),
        source=str(folder.absolute()),
        validation=_field(folder, description, "validation", (str, type(None))),
        left_out=tuple(
            LeftOut(
                path=_field(folder, each, "path", (str,)),
                reason=_field(folder, each, "reason", (str,)),
            )
            for each in _field(folder, description, "left_out", (list,))
        ),
        options=_mended(folder, description),
    )
    if examples.digest != _field(folder, description, "digest", (str,)):
        raise _edited(folder, f"the digest {examples.digest[:12]}...")
    # What the digest does not cover: how networks are given the columns of a table, for example.
    shape = _field(folder, description, "shape", (dict,))
    if shape != dict(modality.shape(examples.content)):
        raise _edited(folder, f"{modality.noun}s of another shape")
    return examples


def _mended(folder: Path, description: dict[str, Any]) -> dict[str, Any]:
    """What was done to the classes before these were written: it is asked of validation data."""
    if "mended" not in description:
        return {}
    record = _field(folder, description, "mended", (dict,))
    given = {name: _field(folder, record, name, (list,)) for name in MENDING if name in record}
    if not all(isinstance(each, str) for texts in given.values() for each in texts):
        raise _edited(folder, "merged classes that are no texts")
    return Mending.of(given).given()


def _modality(folder: Path, name: str) -> Modality:
    if name not in MODALITIES:
        broken = MODALITIES.failures.get(name)
        raise DataError(
            expected=f"a known kind of example ({', '.join(MODALITIES)}) in {folder}",
            came=f"{name!r}" + (f", of {broken}" if broken else ""),
            do="install the package that knows them",
        )
    return MODALITIES[name]


def _edited(folder: Path, came: str) -> DataError:
    return DataError(
        expected=f"the examples that {folder / DESCRIPTION} states",
        came=f"{came}: edited after it was written",
        do="make the folder anew",
    )


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            expected=f"JSON in {path}",
            came=f"{type(error).__name__}: {error}",
            do="make the folder anew",
        ) from error
    found = description.get("format") if isinstance(description, dict) else None
    if not isinstance(description, dict) or found != FORMAT:
        raise DataError(
            expected=f"format {FORMAT} in {path}",
            came=f"format {found}" if isinstance(found, int) else "something else",
            do="make the folder anew, or use the version of radiotracer that wrote it",
        )
    return description


def _field(folder: Path, record: object, key: str, types: tuple[type[Any], ...]) -> Any:
    if not isinstance(record, dict) or key not in record or not isinstance(record[key], types):
        raise DataError(
            expected=f"{key!r} in {folder / DESCRIPTION}",
            came="none, or one of another type",
            do="make the folder anew",
        )
    return record[key]
