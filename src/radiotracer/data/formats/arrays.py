"""NumPy's arrays of images or vectors and of labels: in an archive, or one file each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.dataset import Dataset
from radiotracer.data.format import (
    FORMATS,
    CannotWriteError,
    Format,
    Options,
    Place,
    Written,
    split_of,
)
from radiotracer.data.labels import Given
from radiotracer.data.modalities.images import IMAGES
from radiotracer.data.modalities.vectors import VECTORS
from radiotracer.data.npz import npz_names, numbered, read_array, read_arrays, write_npz
from radiotracer.data.rows import Read, Rows, assembled
from radiotracer.data.scaling import as_content
from radiotracer.data.splits import NAMES, WHOLE, chosen, named
from radiotracer.errors import DataError

EXAMPLES = ("images", "vectors", "features", "x", "data", "embeddings")
"""Names of the array of examples, in the order in which they are looked for; in small letters."""

LABELS = ("labels", "label", "y", "targets", "target")
"""Names of the array of labels."""

IDS, CLASS_NAMES = "ids", "class_names"

NPY = ".npy"

_PART = re.compile(rf"(?:({'|'.join(NAMES)})[_-])?([a-z]+?)(?:[_-]({'|'.join(NAMES)}))?")


class Arrays(Format):
    """``images`` (or ``x``, …) and ``labels`` (or ``y``, …), also ``x_train`` or ``train_images``.

    Optional: ``ids`` (n,), ``class_names`` (classes,), by which integer labels are named. Images
    are integers or floats, (n, height, width), (n, height, width, channels) or channels first;
    vectors are floats, (n, d); labels are integers, floats without fractions, truth values or text,
    (n,) or (n, 1).
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
        return bool(_pairs([file.stem for file in path.glob(f"*{NPY}")]))

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        """Read one split."""
        path = place.path
        pairs = _pairs(_names(path), path)
        opened = chosen(pairs, split, path)
        labels = {name: _array(path, pair[1]) for name, pair in pairs.items()}
        there = _names(path)
        names = _class_names(_array(path, CLASS_NAMES), path) if CLASS_NAMES in there else None
        content, notes = as_content(_array(path, pairs[opened][0]), path)
        given = {name: _given(array, names, path) for name, array in labels.items()}
        own_ids = IDS in there and opened == WHOLE
        prefix = f"{opened}/" if opened else ""
        ids = {
            name: _ids(_array(path, IDS), path)
            if own_ids
            else numbered(prefix, len(each.values)).tolist()
            for name, each in given.items()
        }
        ours = given[opened]
        if not len(content) == len(ours.values) == len(ids[opened]):
            raise DataError(
                expected=f"one label and one id for each of {len(content)} examples in {path}",
                came=f"{len(ours.values)} labels and {len(ids[opened])} ids",
                do="repair the arrays",
            )
        rows: dict[str, list[Rows[None]]] = {
            name: [Rows([None] * len(e.values), e, ids[name])] for name, e in given.items()
        }
        read: Read[Any] = Read(rows, opened, path, split, (), notes)
        modality = IMAGES if content.ndim == 4 else VECTORS
        return assembled(
            read, read.classes(), modality, lambda kept: content[kept], do="repair the labels"
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        """Write an archive with ids and class names."""
        path = Path(split_of(before.source)[0])
        names = _names(path)
        pairs = _pairs(names, path)
        if WHOLE not in pairs:
            raise CannotWriteError(
                "archives with splits number their examples by row, and dropping one renames others"
            )
        examples, labels = pairs[WHOLE]
        given = _array(path, examples)
        if after.content[:1].size != given[:1].size or given.dtype.kind not in "uf":
            raise CannotWriteError("its images were scaled when they were read")
        content = after.content.reshape(len(after), *given.shape[1:])
        if given.dtype != np.uint8 and after.modality.name == IMAGES.name:
            raise CannotWriteError("its images were scaled when they were read")
        name = path.with_suffix(".npz").name
        write_npz(
            folder / name,
            {
                examples: content.astype(given.dtype),
                **_labels_written(after, _array(path, labels), labels, CLASS_NAMES in names),
                IDS: after.ids,
            },
        )
        left = sorted({*names} - {examples, labels, IDS, CLASS_NAMES})
        note = f"Other arrays of {path.name} were left out: {', '.join(left)}." if left else ""
        return Written(name, note)


FORMATS.register(Arrays())


def _labels_written(
    after: Dataset, before: NDArray[Any], name: str, named: bool
) -> dict[str, NDArray[Any]]:
    """Labels of the type that they were of, where they can be; else places of class names."""
    texts = np.array(after.class_names, dtype=np.str_)[after.labels]
    if not named and before.dtype.kind == "U":
        return {name: texts}
    if not named and before.dtype.kind in "iu" and all(map(str.isdigit, after.class_names)):
        return {name: texts.astype(before.dtype)}
    return {name: after.labels, CLASS_NAMES: np.array(after.class_names, dtype=np.str_)}


def _names(path: Path) -> list[str]:
    """The arrays of an archive, or of the ``.npy`` files of a folder, by name."""
    if path.is_file() and path.suffix.lower() != NPY:
        return npz_names(path)
    folder = path if path.is_dir() else path.parent
    names = sorted(file.stem for file in folder.glob(f"*{NPY}"))
    if path.is_file():
        # Of several pairs in one folder the file that was named is meant.
        part = _PART.fullmatch(path.stem.lower())
        if part and part[2] in EXAMPLES:
            names = [name for name in names if name == path.stem or not _is_examples(name)]
    return names


def _is_examples(name: str) -> bool:
    part = _PART.fullmatch(name.lower())
    return bool(part) and part[2] in EXAMPLES if part else False


def _array(path: Path, name: str) -> NDArray[Any]:
    if path.is_file() and path.suffix.lower() != NPY:
        return read_arrays(path, [name])[name]
    folder = path if path.is_dir() else path.parent
    return read_array(folder / f"{name}{NPY}")


def _pairs(names: list[str], path: Path | None = None) -> dict[str, tuple[str, str]]:
    """Names of the arrays of examples and labels of each split, `WHOLE` where there is none.

    Args:
        names: All.
        path: Where; None: nothing is raised.

    Raises:
        DataError: There is no pair.
    """
    by_kind: dict[tuple[str, str], str] = {}
    for name in names:
        part = _PART.fullmatch(name.lower())
        if part and not (part[1] and part[3]):
            split = named(part[1] or part[3] or "") or WHOLE
            by_kind[split, part[2]] = name
    found: dict[str, tuple[str, str]] = {}
    for split in dict.fromkeys((WHOLE, *NAMES.values())):
        examples = next((by_kind[split, e] for e in EXAMPLES if (split, e) in by_kind), None)
        labels = next((by_kind[split, e] for e in LABELS if (split, e) in by_kind), None)
        if examples is not None and labels is not None:
            found[split] = (examples, labels)
    if WHOLE in found:
        found = {WHOLE: found[WHOLE]}
    if not found and path is not None:
        raise DataError(
            expected=f"arrays called images and labels (or x and y) in {path}",
            came=f"arrays called {', '.join(names[:10]) or 'nothing'}",
            do="save with numpy.savez(path, images=..., labels=...)",
        )
    return found


def _is_zip(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(4) == b"PK\x03\x04" and path.suffix.lower() not in _NOT_OURS
    except OSError:
        return False


_NOT_OURS = frozenset((".xlsx", ".docx", ".zip", ".ods", ".jar", ".whl", ".pt", ".pth"))
"""Endings of other archives that begin alike."""


def _given(array: NDArray[Any], names: tuple[str, ...] | None, path: Path) -> Given:
    flat = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if flat.ndim != 1 or flat.dtype.kind not in "iufbUS":
        several = flat.ndim == 2 and flat.dtype.kind in "iufb"
        raise DataError(
            expected=f"labels of shape (n,) in {path}",
            came=f"{array.dtype} of shape {array.shape}"
            + ": several labels (multi-label) or one-hot" * several,
            do="give one class per example" + ", for example y.argmax(1) if one-hot" * several,
        )
    values = np.char.decode(flat) if flat.dtype.kind == "S" else flat
    return Given(values.tolist(), names)


def _ids(ids: NDArray[Any], path: Path) -> list[str]:
    if ids.ndim != 1 or ids.dtype.kind not in "Uiu":
        raise DataError(
            expected=f"ids of text or integers, shape (n,), in {path}",
            came=f"{ids.dtype} of shape {ids.shape}",
            do="save them with numpy.array([...], dtype=str)",
        )
    found: list[str] = ids.astype(np.str_).tolist()
    return found


def _class_names(names: NDArray[Any], path: Path) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(
            expected=f"class_names of text, shape (classes,), in {path}",
            came=f"{names.dtype} of shape {names.shape}",
            do="save them with numpy.array([...], dtype=str)",
        )
    return tuple(names.tolist())
