"""NumPy's ``.npy`` files, written row by row and read as read-only memory maps."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.blocks import drop_pages, stretches
from radiotracer.data.npz import ANYTHING_NUMPY_RAISES, require_plain
from radiotracer.errors import DataError


class NpyWriter:
    """Writes an array whose number of rows is known only in the end; a context manager.

    Args:
        path: The file, replaced; it is whole when the context has ended without an error.
        dtype: Of the array.
        shape: Of one row.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._dtype = dtype
        self._shape = shape
        self._rows = 0
        self._stream = path.open("wb")
        self._write_header()

    def append(self, rows: NDArray[Any]) -> None:
        """Write further rows, of the shape (n, ...) and dtype that were promised."""
        assert rows.shape[1:] == self._shape and rows.dtype == self._dtype  # noqa: S101
        # `ndarray.tofile` does not say why the disk refused.
        self._stream.write(rows.tobytes())
        self._rows += len(rows)

    def __enter__(self) -> NpyWriter:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file; without an error, say in its header how many rows there are."""
        with self._stream:
            if kind is None:
                self._stream.seek(0)
                self._write_header()
                self._stream.flush()
                os.fsync(self._stream.fileno())

    def _write_header(self) -> None:
        # NumPy pads the header so that the first axis can grow in place.
        np.lib.format.write_array_header_1_0(
            self._stream,
            {
                "descr": np.lib.format.dtype_to_descr(self._dtype),
                "fortran_order": False,
                "shape": (self._rows, *self._shape),
            },
        )


def write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write an array, a stretch at a time: one that is a mapped file never lies in memory."""
    with NpyWriter(path, array.dtype, array.shape[1:]) as writer:
        for rows in stretches(array):
            writer.append(array[rows])
            drop_pages(array[rows])


def map_npy(path: Path) -> NDArray[Any]:
    """The array in a file as a read-only memory map: rows are read when they are looked at.

    Raises:
        DataError: Missing, no such file, damaged, or holding Python objects.
    """
    try:
        _require_bytes_per_value(path)
        # Unlike `np.load`, this never unpickles and takes nothing but single arrays.
        found = np.lib.format.open_memmap(path, mode="r")
        if found.dtype.kind == "U":
            texts = np.atleast_1d(found)
            for rows in stretches(texts):
                require_plain(texts[rows])
                drop_pages(texts[rows])
    except ANYTHING_NUMPY_RAISES as error:
        raise DataError(
            expected=f"an array in {path}",
            came=f"a file that cannot be read: {(str(error) or type(error).__name__)[:200]}",
            do="make the folder anew",
        ) from error
    # A plain array, so that what is computed from it is one, too.
    return np.asarray(found)


def _require_bytes_per_value(path: Path) -> None:
    """Raise `ValueError` for a header as `NpyWriter` writes none, with values of no bytes at all.

    To map those, NumPy divides by their size, which ends the process.
    """
    with path.open("rb") as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError("its header is of another version")
        _, _, dtype = np.lib.format.read_array_header_1_0(stream)
    if dtype.itemsize == 0:
        raise ValueError(f"its values are of type {dtype.str}, which has no bytes")
