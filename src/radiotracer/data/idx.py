"""IDX files, the format of MNIST: a header with a type and a shape, then the values."""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.dataset import Labels
from radiotracer.data.modality import Images
from radiotracer.errors import DataError

UINT8 = 0x08
"""The type code of unsigned bytes, the only one that images and labels use."""

PREFIXES = {"train": "train", "test": "t10k"}
"""How the standard file names call each split."""


@dataclass(frozen=True)
class IdxSplit:
    """One split of a folder with IDX files.

    Args:
        images: uint8, shape (n, height, width, 1).
        labels: int64, shape (n,), 0 to 255.
        labels_sha256: SHA-256 of the decompressed label file, hexadecimal.
    """

    images: Images
    labels: Labels
    labels_sha256: str


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file, decompressed or gzip (told apart by its content, not its name).

    Args:
        path: The file.
        dimensions: 3 for images (n, height, width), 1 for labels (n,).

    Returns:
        uint8, writable, with the shape that the file states.

    Raises:
        DataError: No IDX file, not unsigned bytes, other dimensions, or too few or too many bytes.
    """
    content, shape = _read(path, dimensions)
    return decode_idx(content, shape)


def decode_idx(content: bytearray, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The values of a whole IDX file whose size and shape were checked; shares its memory."""
    return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def read_exactly(path: Path, size: int) -> bytearray:
    """The content of a file, decompressed if it is gzip, which must be `size` bytes.

    Never reads more than one byte beyond `size`, so that a small file cannot fill the memory.

    Raises:
        DataError: It cannot be read, is damaged, or has another size.
    """
    content = bytearray()
    problem = ""
    with _opened(path) as stream:
        try:
            while len(content) <= size:
                chunk = stream.read1(min(1 << 20, size + 1 - len(content)))
                if not chunk:
                    break
                content += chunk
        except EOFError:
            problem = ", and its gzip stream ends early"
        except (zlib.error, gzip.BadGzipFile) as error:
            problem = f", and then its gzip stream is damaged ({error})"
    if len(content) != size or problem:
        found = f"more than {size}" if len(content) > size else str(len(content))
        raise DataError(
            expected=f"{size} bytes in {path}",
            came=f"{found} bytes{problem}",
            do="copy or fetch the file again",
        )
    return content


def find_idx(folder: Path, split: str, kind: str) -> Path | None:
    """The file of one split and kind (``images`` or ``labels``) by its standard name, or None."""
    name = f"{PREFIXES[split]}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def has_idx_split(folder: Path, split: str) -> bool:
    """Whether `folder` holds both files of this split under their standard names."""
    return all(find_idx(folder, split, kind) is not None for kind in ("images", "labels"))


def read_idx_split(folder: Path, split: str) -> IdxSplit:
    """Read the images and labels of one split from a folder with the standard IDX names.

    Raises:
        DataError: A file is missing or cannot be used, or there is not one label per image.
    """
    images_path = find_idx(folder, split, "images")
    labels_path = find_idx(folder, split, "labels")
    if images_path is None or labels_path is None:
        raise DataError(
            expected=f"{PREFIXES[split]}-images-idx3-ubyte and {PREFIXES[split]}-labels-idx1-ubyte",
            came=f"{folder} without one of them",
            do="add the missing file (.gz will do)",
        )
    images = read_idx(images_path, dimensions=3)
    content, shape = _read(labels_path, 1)
    if shape[0] != len(images):
        raise DataError(
            expected=f"one label for each of the {len(images)} images in {images_path}",
            came=f"{shape[0]} labels in {labels_path}",
            do="give files that belong together",
        )
    labels = decode_idx(content, shape).astype(np.int64)
    return IdxSplit(images[..., np.newaxis], labels, hashlib.sha256(content).hexdigest())


def _read(path: Path, dimensions: int) -> tuple[bytearray, tuple[int, ...]]:
    head_size = 4 + 4 * dimensions
    with _opened(path) as stream:
        try:
            head = stream.read(head_size)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            head = b""
    magic = bytes((0, 0, UINT8, dimensions))
    if len(head) < head_size or head[:4] != magic:
        raise DataError(
            expected=f"an IDX file of unsigned bytes in {dimensions} dimension(s), "
            f"which begins with {magic.hex()} and its shape",
            came=f"{path}, which begins with {head[:4].hex() or 'nothing that can be read'}",
            do="check that this is the right file and that it is whole",
        )
    shape = tuple(int(length) for length in np.frombuffer(head, ">u4", dimensions, 4))
    content = read_exactly(path, head_size + math.prod(shape))
    # NumPy makes no array of such a shape, not even where it is empty.
    if math.prod(max(length, 1) for length in shape) > sys.maxsize:
        raise DataError(
            expected=f"an IDX file of a shape that is possible in {path}",
            came=f"shape {shape}",
            do="copy or fetch the file again",
        )
    return content, shape


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedIOBase]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.open(raw) as stream:
                    yield stream
            else:
                yield raw
    except gzip.BadGzipFile:
        raise
    except OSError as error:
        raise DataError(
            expected=f"to read {path}",
            came=error.strerror or str(error),
            do="check the path and its permissions",
        ) from error
