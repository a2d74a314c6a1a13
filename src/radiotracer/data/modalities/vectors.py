"""Vectors: features that somebody computed, as many numbers for each example."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.blocks import drop_pages, stretches
from radiotracer.data.modality import MODALITIES, Labelled, Preview, Rows
from radiotracer.data.npy import map_npy, write_npy
from radiotracer.errors import DataError
from radiotracer.files import atomic_file

if TYPE_CHECKING:
    from torch import Tensor


Vectors = NDArray[np.float32]
"""Features, shape (n, d), finite."""

FILE = "vectors.npy"
"""Where `save` puts the numbers."""

SHOWN = 8
"""Numbers of a vector that people are shown."""


class VectorModality:
    """Content: `Vectors`, in memory or as a read-only memory map."""

    name = "vectors"
    noun = "vector"
    task: str | None = None

    def require(self, content: Vectors, source: str) -> None:
        """Raise `DataError` unless these are finite float32 vectors of one length."""
        is_array = isinstance(content, np.ndarray)
        if not is_array or content.dtype != np.float32 or content.ndim != 2 or not content.shape[1]:
            what = f"{content.dtype} of shape {content.shape}" if is_array else "no array"
            raise DataError(
                expected="float32 vectors of shape (n, d)",
                came=f"{what} from {source}",
                do="convert them",
            )
        for rows in stretches(content):
            finite = np.isfinite(content[rows]).all(axis=1)
            if not finite.all():
                first = rows.start + int(np.flatnonzero(~finite)[0])
                raise DataError(
                    expected="finite vectors",
                    came=f"NaN or infinity (or beyond float32) in row {first} of {source}",
                    do="repair or remove it",
                )
            drop_pages(content[rows])

    def length(self, content: Vectors) -> int:
        """How many vectors."""
        return len(content)

    def take(self, content: Vectors, rows: NDArray[np.int64]) -> Vectors:
        """The vectors at `rows`."""
        return content[rows]

    def put(self, content: Vectors, rows: NDArray[np.int64], new: Vectors) -> Vectors:
        """A copy with other vectors at `rows`."""
        changed = content.copy()
        changed[rows] = new
        return changed

    def hashes(self, content: Vectors) -> Iterator[bytes]:
        """SHA-256 of each vector's length and numbers; -0.0 and 0.0 are the same number."""
        header = np.array(content.shape[1:], dtype=">u4").tobytes()
        for rows in stretches(content):
            for vector in (content[rows] + np.float32(0)).astype("<f4"):
                yield hashlib.sha256(header + vector.tobytes()).digest()
            drop_pages(content[rows])

    def inputs(self, content: Vectors, rows: Rows) -> Tensor:
        """The vectors as they are, float32, shape (n, d)."""
        import torch

        # torch takes no array that it may not write to, as a memory map is: such a one is copied.
        return torch.from_numpy(np.array(content[rows], dtype=np.float32))

    def shape(self, content: Vectors) -> dict[str, int | str]:
        """The length of a vector."""
        return {"width": content.shape[1]}

    def show(self, content: Vectors, row: int) -> Preview:
        """The first numbers."""
        vector = content[row]
        numbers = ", ".join(f"{value:.4g}" for value in vector[:SHOWN].tolist())
        more = len(vector) - SHOWN
        return Preview(text=f"[{numbers}{f', and {more:,} more' * (more > 0)}]")

    def to_json(self, content: Vectors, rows: Rows) -> list[Any]:
        """Lists of numbers."""
        chosen: list[Any] = content[rows].tolist()
        return chosen

    def save(self, data: Labelled, folder: Path) -> None:
        """Write the vectors into one file, which `load` maps."""
        with atomic_file(folder / FILE) as temporary:
            write_npy(temporary, data.content)

    def load(self, folder: Path) -> Vectors:
        """The vectors as a read-only memory map."""
        return map_npy(folder / FILE)


VECTORS = MODALITIES.register(VectorModality())
