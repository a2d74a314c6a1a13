"""SHA-256 of whole data sets, computed as the data pass by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.blocks import stretches, values


def kept_hashes(hashes: Iterable[bytes]) -> NDArray[np.uint8]:
    """Hashes as an array of shape (n, 32)."""
    together = bytearray()
    for each in hashes:
        together += each
    return np.frombuffer(together, dtype=np.uint8).reshape(-1, 32)


def hexadecimal(hashes: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Hashes of shape (n, 32) as texts of 64 digits, shape (n,)."""
    texts = np.empty(len(hashes), dtype="U64")
    for rows in stretches(hashes):
        texts[rows] = np.frombuffer(hashes[rows].tobytes().hex().encode(), dtype="S64")
    return texts


def dataset_digest(ids: NDArray[np.str_], digests: Iterable[str], labels: NDArray[np.int64]) -> str:
    """SHA-256 over the lines ``digest label id`` in order, hexadecimal.

    Ids are written as `ascii` writes them: one line each whatever they hold, and the same in every
    version of Python (what `repr` escapes follows the Unicode tables of the day).

    Args:
        ids: Shape (n,).
        digests: SHA-256 of each input, hexadecimal, in order; n of them, taken one at a time.
        labels: Shape (n,).
    """
    whole = hashlib.sha256()
    for name, digest, label in zip(values(ids), digests, values(labels), strict=True):
        whole.update(f"{digest} {label} {name!a}\n".encode())
    return whole.hexdigest()
