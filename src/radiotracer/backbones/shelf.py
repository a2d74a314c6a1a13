"""The folder of finished features: one key each, the ones unused for longest removed first."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiotracer.backbones.backbone import Backbone
from radiotracer.data import Dataset
from radiotracer.data.npy import map_npy
from radiotracer.errors import DataError, InputError
from radiotracer.scale.keeping import LOCK
from radiotracer.scale.lock import only_one

FILE = "features.npy"
"""All features of a key; while it is not there, the units are."""

LIMIT = 4 << 30
"""Bytes that all features together may have."""

VERSION = 1
"""Part of every key: what was kept by other code is not found."""

_DIGITS = frozenset("0123456789abcdef")


def key_of(data: Dataset, backbone: Backbone) -> str:
    """What features depend on, as 64 hexadecimal digits: labels, ids and names are no part of it.

    Args:
        data: Whose features.
        backbone: One that is not fitted.
    """
    shape = dict(data.modality.shape(data.content))
    about = [VERSION, backbone.identity, data.modality.name, sorted(shape.items())]
    whole = hashlib.sha256(json.dumps(about).encode())
    whole.update(data.hashes.tobytes())
    return whole.hexdigest()


def finished(folder: Path, count: int) -> NDArray[np.float32] | None:
    """The features of a key, as a read-only map; None where they are not there, or damaged.

    Args:
        folder: Of the key.
        count: How many examples there are.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        found = map_npy(path)
    except DataError:
        return None
    if found.dtype != np.float32 or found.ndim != 2 or len(found) != count:
        return None
    with contextlib.suppress(OSError):  # they can be read where nothing may be written
        os.utime(path)
    return found


def prune(shelf: Path, using: str, limit: int = LIMIT) -> list[str]:
    """Remove features until no more than `limit` bytes are left; returns the keys that are gone.

    What another process works on stays, and so does whatever is no key of ours.

    Args:
        shelf: The folder of all keys.
        using: The key that stays in any case.
        limit: In bytes.
    """
    sizes: dict[Path, int] = {}
    used: dict[Path, float] = {}
    for folder in shelf.iterdir():
        if len(folder.name) == 64 and set(folder.name) <= _DIGITS and folder.is_dir():
            stats = [each.stat() for each in folder.iterdir()]
            sizes[folder] = sum(each.st_size for each in stats)
            used[folder] = max((each.st_mtime for each in stats), default=0.0)
    whole, gone = sum(sizes.values()), []
    for folder in sorted(sizes, key=lambda each: used[each]):
        if whole <= limit:
            break
        if folder.name != using and _remove(folder):
            whole -= sizes[folder]
            gone.append(folder.name)
    return gone


def _remove(folder: Path) -> bool:
    """Remove a key, unless another process holds it."""
    with contextlib.suppress(OSError, _Held):
        if importlib.util.find_spec("fcntl") is None:
            shutil.rmtree(folder)
        else:
            with only_one(folder / LOCK, f"process {os.getpid()}", _Held.by):
                shutil.rmtree(folder)
        return True
    return False


class _Held(InputError):
    """Another process works on it."""

    @classmethod
    def by(cls, held: str) -> InputError:
        """As `only_one` asks for it."""
        return cls(expected="features that nobody works on", came=held, do="wait")
