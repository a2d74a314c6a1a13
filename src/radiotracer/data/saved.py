"""Examples that radiotracer wrote: a folder with ``examples.npz`` and ``data.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radiotracer.data.examples import Examples, Quarantined
from radiotracer.data.npz import read_npz, write_npz
from radiotracer.errors import DataError
from radiotracer.files import atomic_file, write_text

ARRAYS = "examples.npz"
DESCRIPTION = "data.json"
"""The two files of a saved folder; the second is written last, so that it vouches for the first."""


def save_examples(
    examples: Examples,
    folder: Path,
    *,
    name: str | None = None,
    provenance: Mapping[str, object] | None = None,
) -> None:
    """Write examples into an existing folder, which is then a DATA argument.

    Args:
        examples: What to write; its ids, class names, queries and quarantined files are kept.
        folder: Must exist; only ``examples.npz`` and ``data.json`` in it are written (replaced).
        name: For people; `examples.source` by default.
        provenance: How these examples came about, as JSON can hold it; read back by nobody here.

    Raises:
        StorageError: The disk refused.
    """
    with atomic_file(folder / ARRAYS) as temporary:
        write_npz(
            temporary,
            {
                "images": examples.images,
                "labels": examples.labels,
                "ids": examples.ids,
                "class_names": np.array(examples.class_names, dtype=np.str_),
            },
        )
    description = {
        "format": 1,
        "name": name or examples.source,
        "examples": len(examples),
        "class_names": list(examples.class_names),
        "source": examples.source,
        "queries": examples.queries,
        "digest": examples.digest,
        "quarantined": [{"path": q.path, "reason": q.reason} for q in examples.quarantined],
        "provenance": dict(provenance or {}),
    }
    write_text(folder / DESCRIPTION, json.dumps(description, indent=2, allow_nan=False) + "\n")


def is_saved(folder: Path) -> bool:
    """Whether `folder` holds both files of saved examples."""
    return (folder / ARRAYS).is_file() and (folder / DESCRIPTION).is_file()


def open_saved(folder: Path) -> Examples:
    """Read a folder that `save_examples` wrote; its `source` is the folder's absolute path.

    Raises:
        DataError: A file cannot be read, or the two no longer belong together.
    """
    description = _read_description(folder / DESCRIPTION)
    split = read_npz(folder / ARRAYS)
    examples = Examples(
        images=split.images,
        labels=split.labels,
        ids=split.ids,
        class_names=split.class_names,
        source=str(folder.absolute()),
        queries=_field(folder, description, "queries", (str, type(None))),
        quarantined=tuple(
            Quarantined(
                path=_field(folder, each, "path", (str,)),
                reason=_field(folder, each, "reason", (str,)),
            )
            for each in _field(folder, description, "quarantined", (list,))
        ),
    )
    promised = _field(folder, description, "digest", (str,))
    names = tuple(_field(folder, description, "class_names", (list,)))
    if examples.digest != promised or examples.class_names != names:
        raise DataError(
            expected=f"examples with the digest {promised[:12]}... that {DESCRIPTION} states",
            came=f"{examples.digest[:12]}... from {folder / ARRAYS}: edited after it was written",
            do="make the folder anew",
        )
    return examples


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            expected=f"JSON in {path}",
            came=f"{type(error).__name__}: {error}",
            do="make the folder anew",
        ) from error
    if not isinstance(description, dict) or description.get("format") != 1:
        raise DataError(
            expected=f"format 1 in {path}",
            came="something else",
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
