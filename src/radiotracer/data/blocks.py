"""Long arrays a stretch at a time, so that a file of any length passes through little memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 20
"""Bytes of a stretch; one row at least."""

_BLOCK_ROWS = 1 << 13


def stretches(array: NDArray[Any]) -> Iterator[slice]:
    """Consecutive rows of `array`, about `BLOCK_BYTES` of them at a time."""
    row = max(1, array.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)))
    step = min(max(1, BLOCK_BYTES // row), _BLOCK_ROWS)
    for start in range(0, len(array), step):
        yield slice(start, min(start + step, len(array)))


def values(array: NDArray[Any]) -> Iterator[Any]:
    """The elements of an array of shape (n,) as Python objects, never all of them at once."""
    for rows in stretches(array):
        yield from array[rows].tolist()
        drop_pages(array[rows])


def drop_pages(part: NDArray[Any]) -> None:
    """Let go of the memory that reading a part of a mapped file has taken.

    Pages of a file that were read count as memory of the process until the system needs them.
    They are read again when they are looked at again; the values stay the same. Does nothing
    where `part` lies in memory, or where the system knows no such advice.

    Args:
        part: A view of consecutive rows of a mapped file, or any other array.
    """
    mapped = _mapped(part)
    if mapped is None or not part.nbytes or not hasattr(mmap, "MADV_DONTNEED"):
        return
    file, address = mapped
    begins = _address(part) - address
    # Systems map some pages before and after those that were asked for.
    start = max(0, begins - BLOCK_BYTES) // mmap.PAGESIZE * mmap.PAGESIZE
    end = min(len(file), begins + part.nbytes + BLOCK_BYTES)
    file.madvise(mmap.MADV_DONTNEED, start, end - start)


def _mapped(array: NDArray[Any]) -> tuple[mmap.mmap, int] | None:
    """The mapped file that an array is a view of, and the address at which it begins."""
    view: Any = array if array.flags.c_contiguous else None
    while isinstance(view, np.ndarray):
        owner: Any = view.base
        # What was written into a private copy of a file would be lost.
        if isinstance(view, np.memmap) and view.mode == "r" and isinstance(owner, mmap.mmap):
            return owner, _address(view) - view.offset % mmap.ALLOCATIONGRANULARITY
        view = owner
    return None


def _address(array: NDArray[Any]) -> int:
    return int(array.__array_interface__["data"][0])
