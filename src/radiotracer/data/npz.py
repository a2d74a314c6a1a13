"""NumPy's ``.npz`` archives of named arrays, read without ever unpickling."""

from __future__ import annotations

import lzma
import math
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError

MOST_CLASSES = 65_536
"""Labels beyond this are taken for a mistake (ids or time stamps), not for class numbers."""

LEAST_BOUND = 1 << 28
MOST_PACKED = 50
"""A packed file may grow to so many times its size, and in any case to `LEAST_BOUND` bytes."""

ANYTHING_NUMPY_RAISES = (
    OSError,
    ValueError,  # object arrays and bad headers among others
    EOFError,
    KeyError,
    TypeError,
    SyntaxError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
    OverflowError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
)
"""What reading a damaged or hostile file may raise."""


def npz_names(path: Path) -> list[str]:
    """The names of the arrays of an archive, of which nothing else is read.

    Raises:
        DataError: No such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except ANYTHING_NUMPY_RAISES as error:
        raise _no_archive(path, error) from error


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """Some arrays of an archive by name, or all; names that are not there are left out.

    Raises:
        DataError: Not an archive, damaged, of arrays that would expand beyond all measure, or
            holding Python objects (which would be unpickled).
    """
    try:
        # Opened here, so that the file is closed even when it is no archive.
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            members = {each.filename.removesuffix(".npy"): each for each in archive.infolist()}
            wanted = [
                members[each] for each in (members if names is None else names) if each in members
            ]
            _require_bounded(sum(each.file_size for each in wanted), path)
            found = {}
            for each in wanted:
                with archive.open(each) as member:
                    array = _read(member, path, each.file_size)
                    found[each.filename.removesuffix(".npy")] = array
            return found
    except ANYTHING_NUMPY_RAISES as error:
        raise _no_archive(path, error) from error


def read_array(path: Path) -> NDArray[Any]:
    """The array of an ``.npy`` file.

    Raises:
        DataError: Not such a file, damaged, or holding Python objects (which would be unpickled).
    """
    try:
        with path.open("rb") as stream:
            return _read(stream, path, path.stat().st_size)
    except ANYTHING_NUMPY_RAISES as error:
        raise DataError(
            expected=f"an array of numbers or text in {path}",
            came=f"a file that cannot be read: {(str(error) or type(error).__name__)[:200]}",
            do="save it again with numpy.save",
        ) from error


def _read(stream: IO[bytes], path: Path, size: int) -> NDArray[Any]:
    """The array of a stream of `size` bytes, whose header is held against them first.

    NumPy makes room for what a header says before it reads.
    """
    version = np.lib.format.read_magic(stream)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is not None:
        shape, _, dtype = reader(stream)
        if dtype.hasobject:
            raise ValueError("Object arrays cannot be loaded when allow_pickle=False")
        if math.prod(shape) * dtype.itemsize > size:
            raise ValueError(f"it ends before the {math.prod(shape):,} values that it names")
    stream.seek(0)
    return require_plain(np.lib.format.read_array(stream, allow_pickle=False))


def _require_bounded(expanded: int, path: Path) -> None:
    most = most_expanded(path)
    if expanded > most:
        raise DataError(
            expected=f"arrays of at most {most / 1e6:,.0f} MB in {path}, by its size",
            came=f"{expanded / 1e6:,.0f} MB, packed",
            do="save it with numpy.savez, which does not pack, if it is yours",
        )


def most_expanded(path: Path) -> int:
    """Bytes that a packed file may grow to: photographs and numbers pack much less than this."""
    return max(LEAST_BOUND, MOST_PACKED * path.stat().st_size)


def _no_archive(path: Path, error: Exception) -> DataError:
    reason = str(error) or type(error).__name__
    if "allow_pickle" in reason:
        reason = "it holds Python objects; unpickling them could run code"
    return DataError(
        expected=f"an archive of plain arrays in {path}",
        came=f"one that cannot be read: {reason[:100]}",
        do="save it again with numpy.savez and arrays of numbers or text",
    )


def require_plain(array: object) -> NDArray[Any]:
    """The array, if it is one: NumPy gives a member that is none as its bytes.

    Raises:
        ValueError: It is none, or holds numbers as text that are no characters, which NumPy takes
            for a fault of Python when somebody reads them.
    """
    if not isinstance(array, np.ndarray):
        raise ValueError("a member of it is no array")
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        numbers = np.ascontiguousarray(array).view(array.dtype.byteorder + "u4")
        if int(numbers.max()) > sys.maxunicode:
            raise ValueError("it holds text that is none")
    return array


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an archive, the same bytes for the same arrays.

    Deflate at level 1: 60,000 MNIST images took 0.7 s and 11 MB; stored, 0.2 s and 47 MB; at
    NumPy's level 6, 1.7 s and 10 MB.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.ascontiguousarray(array), allow_pickle=False)


def numbered(prefix: str, n: int) -> NDArray[np.str_]:
    """Ids like ``"train/00042"``: the prefix and the row in at least five digits, shape (n,)."""
    return np.array([f"{prefix}{row:05d}" for row in range(n)], dtype=np.str_)
