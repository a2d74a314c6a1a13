"""NumPy's ``.npz`` archives of named arrays, read without ever unpickling."""

from __future__ import annotations

import lzma
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError

MOST_CLASSES = 65_536
"""Labels beyond this are taken for a mistake (ids or time stamps), not for class numbers."""

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


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an archive, by name.

    Raises:
        DataError: Not an archive, damaged, or holding Python objects (which would be unpickled).
    """
    try:
        # Opened here, so that the file is closed even when it is no archive.
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array, not an archive of named ones")
            return {name: require_plain(archive[name]) for name in archive.files}
    except ANYTHING_NUMPY_RAISES as error:
        reason = str(error) or type(error).__name__
        if "allow_pickle" in reason:
            reason = "it holds Python objects or is no archive; unpickling it could run code"
        raise DataError(
            expected=f"an archive of plain arrays in {path}",
            came=f"one that cannot be read: {reason[:200]}",
            do="save it again with numpy.savez and arrays of numbers or text",
        ) from error


def read_array(path: Path) -> NDArray[Any]:
    """The array of an ``.npy`` file.

    Raises:
        DataError: Not such a file, damaged, or holding Python objects (which would be unpickled).
    """
    try:
        with path.open("rb") as stream:
            return require_plain(np.lib.format.read_array(stream, allow_pickle=False))
    except ANYTHING_NUMPY_RAISES as error:
        raise DataError(
            expected=f"an array of numbers or text in {path}",
            came=f"a file that cannot be read: {(str(error) or type(error).__name__)[:200]}",
            do="save it again with numpy.save",
        ) from error


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
