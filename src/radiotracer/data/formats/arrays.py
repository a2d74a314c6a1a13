"""NumPy's arrays of images or vectors and of labels: in an archive, or one file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.dataset import Dataset, Labels
from radiotracer.data.format import (
    FORMATS,
    CannotWriteError,
    Format,
    Options,
    Place,
    Written,
    no_split,
    split_of,
)
from radiotracer.data.modalities.images import IMAGES, Images
from radiotracer.data.modalities.vectors import VECTORS, Vectors
from radiotracer.data.npz import MOST_CLASSES, numbered, read_array, read_arrays, write_npz
from radiotracer.errors import DataError

PAIRS = (
    ("images", "labels"),
    ("vectors", "labels"),
    ("features", "labels"),
    ("x", "y"),
    ("x_train", "y_train"),
)
"""Names of the arrays of examples and labels, in the order in which they are looked for."""

TEST = ("x_test", "y_test")
"""The same of the test split."""

NPY = ".npy"


class Arrays(Format):
    """``images``, ``vectors`` or ``features`` and ``labels``, or ``x`` and ``y``, or with splits.

    Optional: ``ids`` (n,), ``class_names`` (classes,). Images are uint8, (n, height, width) or
    (n, height, width, channels); vectors are floats, (n, d); labels are integers, (n,) or (n, 1).
    """

    name = "arrays"
    words = "an .npz file, or a folder of .npy files, of images or vectors and labels"
    order = 300

    def matches(self, place: Place, options: Options) -> bool:
        """An archive by its ending or its first bytes, or files called like the arrays."""
        path = place.path
        if not place.exists:
            return False
        if path.is_file():
            return path.suffix.lower() in (".npz", NPY) or _is_zip(path)
        return any(
            (path / f"{a}{NPY}").is_file() and (path / f"{b}{NPY}").is_file() for a, b in PAIRS
        )

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read one split."""
        path = place.path
        arrays = _arrays(path)
        has_test = {*PAIRS[-1], *TEST} <= arrays.keys()
        if split is not None and not has_test:
            raise no_split(place, split, "arrays without x_test and y_test")
        pair = TEST if split == "test" else _pair(arrays)
        if not (pair[0] in arrays and pair[1] in arrays):
            raise DataError(
                expected=f"arrays called {pair[0]} and {pair[1]} in {path}",
                came=f"arrays called {', '.join(arrays) or 'nothing'}",
                do=f"save with numpy.savez(path, {pair[0]}=..., {pair[1]}=...)",
            )
        content = _content(arrays[pair[0]], path)
        both = (PAIRS[-1][1], TEST[1]) if has_test else (pair[1],)
        largest = max(int(_labels(arrays[name], path).max(initial=0)) for name in both)
        prefix = f"{split or 'train'}/" if pair[0].startswith("x_") else ""
        given = "ids" in arrays and not prefix
        return Dataset(
            modality=IMAGES if content.dtype == np.uint8 else VECTORS,
            content=content,
            labels=_labels(arrays[pair[1]], path),
            ids=_ids(arrays, path) if given else numbered(prefix, len(content)),
            class_names=_class_names(arrays, largest, path),
            source=f"{path}:{split}" if split else str(path),
            validation=f"{path}:test" if has_test and split != "test" else None,
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write an archive with ids and class names."""
        path = Path(split_of(before.source)[0])
        arrays = _arrays(path)
        examples, labels = _pair(arrays)
        if examples.startswith("x_"):
            raise CannotWriteError(
                "archives with splits number their examples by row, and dropping one renames others"
            )
        name = path.with_suffix(".npz").name
        content = after.content.reshape(len(after), *arrays[examples].shape[1:])
        write_npz(
            folder / name,
            {
                examples: content.astype(arrays[examples].dtype),
                labels: after.labels.astype(arrays[labels].dtype),
                "ids": after.ids,
                "class_names": np.array(after.class_names, dtype=np.str_),
            },
        )
        left = sorted(arrays.keys() - {examples, labels, "ids", "class_names"})
        note = f"Other arrays of {path.name} were left out: {', '.join(left)}." if left else ""
        return Written(name, note)


FORMATS.register(Arrays())


def _arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays of an archive, or of the ``.npy`` files of a folder, by name."""
    if path.is_file() and path.suffix.lower() != NPY:
        return read_arrays(path)
    folder = path if path.is_dir() else path.parent
    names = {"ids", "class_names", *TEST, *(name for pair in PAIRS for name in pair)}
    files = {name: folder / f"{name}{NPY}" for name in sorted(names)}
    if path.is_file():
        # Of several pairs in one folder the file that was named is meant.
        other = {first for first, _ in PAIRS} - {path.stem}
        files = {name: file for name, file in files.items() if name not in other}
    return {name: read_array(file) for name, file in files.items() if file.is_file()}


def _pair(arrays: Mapping[str, NDArray[Any]]) -> tuple[str, str]:
    return next((pair for pair in PAIRS if pair[0] in arrays), PAIRS[0])


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04" and path.suffix.lower() not in _NOT_OURS
    except OSError:
        return False


_NOT_OURS = frozenset((".xlsx", ".docx", ".zip"))
"""Endings of other archives that begin alike."""


def _content(array: NDArray[Any], path: Path) -> Images | Vectors:
    """Vectors where there are two axes of floats, else images."""
    if array.ndim == 2 and array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if array.dtype != np.uint8:
        floats = array.dtype.kind == "f"
        raise DataError(
            expected=f"uint8 images (0 to 255) in {path}",
            came=f"{array.dtype}",
            do="convert them to uint8, "
            + ("for example (x * 255).round().astype('uint8') if x is in [0, 1]" * floats)
            + ("for example x.astype('uint8') if all are in [0, 255]" * (not floats)),
        )
    if array.ndim not in (3, 4):
        raise DataError(
            expected=f"images of shape (n, height, width[, channels]) in {path}",
            came=f"shape {array.shape}",
            do="reshape them, for example x.reshape(-1, 28, 28), or convert vectors to float32",
        )
    return array[..., np.newaxis] if array.ndim == 3 else array


def _labels(array: NDArray[Any], path: Path) -> Labels:
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in "iu":
        raise DataError(
            expected=f"integer labels of shape (n,) in {path}",
            came=f"{array.dtype} of shape {array.shape}",
            do="give one class number per example, from 0 up",
        )
    if flat.max(initial=0) >= MOST_CLASSES:
        raise DataError(
            expected=f"class numbers below {MOST_CLASSES} in {path}",
            came=str(flat.max()),
            do="number the classes from 0 up",
        )
    return flat.astype(np.int64)


def _ids(arrays: Mapping[str, NDArray[Any]], path: Path) -> NDArray[np.str_]:
    ids = arrays["ids"]
    if ids.ndim != 1 or ids.dtype.kind not in "Uiu":
        raise DataError(
            expected=f"ids of text or integers, shape (n,), in {path}",
            came=f"{ids.dtype} of shape {ids.shape}",
            do="save them with numpy.array([...], dtype=str)",
        )
    return ids.astype(np.str_)


def _class_names(arrays: Mapping[str, NDArray[Any]], largest: int, path: Path) -> tuple[str, ...]:
    if "class_names" not in arrays:
        return tuple(str(number) for number in range(largest + 1))
    names = arrays["class_names"]
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(
            expected=f"class_names of text, shape (classes,), in {path}",
            came=f"{names.dtype} of shape {names.shape}",
            do="save them with numpy.array([...], dtype=str)",
        )
    return tuple(names.tolist())
