"""Parquet and Arrow files with a column of encoded images and a column of labels."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from radiotracer.data.decoding import IN_MEMORY, Decoding, any_colour, decode_all
from radiotracer.data.examples import Examples, Labels, Quarantined
from radiotracer.data.npz import MOST_CLASSES, numbered
from radiotracer.data.pixels import require_image_size
from radiotracer.data.shards import WHOLE, find_shards
from radiotracer.errors import DataError

IMAGES = ("image", "img")
"""Names of the image column, of which a file has exactly one."""

LABELS = ("label", "labels", "fine_label")
"""Names of the label column, of which a file has exactly one."""

IDS = "id"
"""Name of the column of ids, of text or integers, where there is one."""

_END = b"\xff\xff\xff\xff\0\0\0\0"
"""What an Arrow stream ends with."""

_FROM_ANY_FILE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RecursionError,
    MemoryError,  # a damaged size
    pa.ArrowException,
)


@dataclass(frozen=True)
class _Rows:
    """What one file says: n encoded images (None where there is none), labels and ids."""

    images: Sequence[bytes | None]
    labels: Sequence[int] | Sequence[str]
    names: tuple[str, ...] | None
    ids: Sequence[str]


def open_arrow(
    root: Path,
    *,
    split: str | None = None,
    image_size: int | None = None,
    decoding: Decoding = IN_MEMORY,
) -> Examples:
    """Read a Parquet, Arrow or Feather file, or the folder of a Hugging Face data set.

    The image column holds encoded images (what `decode` reads) as bytes, or as Hugging Face's
    ``{bytes, path}``; a path alone is never followed. The label column holds class numbers, named
    by the ``ClassLabel`` of Hugging Face's metadata where there is one, or names of classes, which
    are sorted. Columns are found by `IMAGES` and `LABELS`, or else by Hugging Face's types. Ids are
    the column `IDS`, or the path from `root` without its ending, and the row
    (``"data/train-00000-of-00001/00042"``). Images that cannot be decoded, and files of splits
    that are neither train nor test, are left out and listed in `Examples.quarantined`.

    Args:
        root: The file or folder.
        split: ``"train"`` or ``"test"`` of a folder that has splits; None for what has none.
        image_size: Resize every image to this height and width (Lanczos), 1 to 4096.
        decoding: Where the pixels go; the encoded images are read into memory.

    Raises:
        DataError: A damaged file, a missing shard or column, two columns that may be meant, a
            label that is missing or of another type, a class of the test split that the training
            split does not have, no readable image, or several sizes without `image_size`.
    """
    require_image_size(image_size)
    shards = find_shards(root)
    read = {
        name: [_read(file, _stem(file, root)) for file in files]
        for name, files in shards.by_split.items()
    }
    chosen = read[split or WHOLE]
    labels, class_names = _numbers(read, split or WHOLE, root)
    ids = [each for rows in chosen for each in rows.ids]
    encoded = [each for rows in chosen for each in rows.images]
    # A model takes one number of channels, so the splits must agree on it.
    colour = any_colour([each for split in read.values() for rows in split for each in rows.images])
    images, bad = decode_all(encoded, root, colour=colour, image_size=image_size, decoding=decoding)
    quarantined = [Quarantined(ids[row], reason) for row, reason in bad.items()]
    kept = np.array([row for row in range(len(encoded)) if row not in bad], dtype=np.int64)
    if not len(kept):
        raise DataError(
            expected=f"images in {root}",
            came="none that can be read"
            + (f" ({quarantined[0].path}: {quarantined[0].reason})" if quarantined else ""),
            do="save them encoded, for example as PNG",
        )
    quarantined += [
        Quarantined(_stem(file, root), "neither of the split train nor of the split test")
        for file in shards.left_out
    ]
    return Examples(
        images=images,
        labels=labels[kept],
        ids=np.array(ids, dtype=np.str_)[kept],
        class_names=class_names,
        source=f"{root.absolute()}{':' + split if split else ''}",
        quarantined=tuple(sorted(quarantined, key=lambda each: each.path)),
    )


def _read(path: Path, stem: str) -> _Rows:
    try:
        with path.open("rb") as stream:
            table = (_parquet if path.suffix.lower() == ".parquet" else _ipc)(stream, path)
            table.validate(full=True)
            image, label, *ids = table.column_names
            return _Rows(
                images=_bytes(table[image], path),
                labels=_labels(table[label], path),
                names=_names(_features(table.schema).get(label)),
                ids=_ids(table[IDS], path) if ids else numbered(f"{stem}/", len(table)).tolist(),
            )
    except _FROM_ANY_FILE as error:
        raise DataError(
            expected=f"a Parquet, Arrow or Feather file in {path}",
            came=f"one that cannot be read: {(str(error) or type(error).__name__)[:200]}",
            do="write it again",
        ) from error


def _parquet(stream: BinaryIO, path: Path) -> pa.Table:
    file = pq.ParquetFile(stream)
    columns = _columns(file.schema_arrow, path)
    table = file.read(columns).select(columns)
    if len(table) != file.metadata.num_rows:
        raise ValueError(f"{len(table)} rows, where it says {file.metadata.num_rows}")
    return table


def _ipc(stream: BinaryIO, path: Path) -> pa.Table:
    """Arrow's file format, which Feather is too, or the stream format of Hugging Face."""
    try:
        table = pa.ipc.open_file(stream).read_all()
    except pa.ArrowInvalid:
        stream.seek(0)
        table = pa.ipc.open_stream(stream).read_all()
        stream.seek(-len(_END), os.SEEK_END)
        if stream.read() != _END:
            # Cut between two batches it would be a smaller data set, silently.
            raise ValueError("it ends before its end") from None
    return table.select(_columns(table.schema, path))


def _columns(schema: pa.Schema, path: Path) -> list[str]:
    """Names of the image column, of the label column and, where there is one, of the ids."""
    features = _features(schema)
    image = _column(schema.names, features, IMAGES, "Image", path)
    label = _column(schema.names, features, LABELS, "ClassLabel", path)
    return [image, label, *([IDS] if IDS in schema.names else [])]


def _features(schema: pa.Schema) -> Mapping[str, Any]:
    """Hugging Face's types by column, from the metadata of the schema; empty without them."""
    text = (schema.metadata or {}).get(b"huggingface")
    found = json.loads(text) if text else {}
    for key in ("info", "features"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _names(feature: object) -> tuple[str, ...] | None:
    names = feature.get("names") if isinstance(feature, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(names) or None


def _column(
    present: Sequence[str], features: Mapping[str, Any], names: Sequence[str], kind: str, path: Path
) -> str:
    found = [name for name in present if name in names] or [
        name
        for name in present
        if isinstance(features.get(name), dict) and features[name].get("_type") == kind
    ]
    if len(found) != 1:
        raise DataError(
            expected=f"one column called {' or '.join(names)} in {path}",
            came=f"both {' and '.join(found)}" if found else f"columns {', '.join(present[:20])}",
            do="keep only one of them" if found else f"rename the one that is meant to {names[0]}",
        )
    return found[0]


def _bytes(column: pa.ChunkedArray, path: Path) -> Sequence[bytes | None]:
    encoded = column
    if pa.types.is_struct(column.type) and "bytes" in [field.name for field in column.type]:
        encoded = pc.struct_field(column, "bytes")
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
    if not any(is_kind(encoded.type) for is_kind in kinds):
        raise DataError(
            expected=f"encoded images in {path}: bytes, or Hugging Face's {{bytes, path}}",
            came=str(column.type),
            do="save them encoded, for example as PNG",
        )
    images: Sequence[bytes | None] = encoded.to_pylist()
    return images


def _labels(column: pa.ChunkedArray, path: Path) -> Sequence[int] | Sequence[str]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    texts = _is_text(column.type)
    if not texts and not pa.types.is_integer(column.type):
        raise DataError(
            expected=f"labels in {path} that are integers or text",
            came=str(column.type),
            do="give one class per image",
        )
    if column.null_count:
        raise DataError(
            expected=f"a label for each image in {path}",
            came=f"{column.null_count} without",
            do="leave those rows out",
        )
    labels: Sequence[int] | Sequence[str] = column.to_pylist()
    return labels


def _ids(column: pa.ChunkedArray, path: Path) -> Sequence[str]:
    if column.null_count or not (_is_text(column.type) or pa.types.is_integer(column.type)):
        raise DataError(
            expected=f"ids of text or integers in {path}",
            came=f"{column.null_count} missing" if column.null_count else str(column.type),
            do=f"repair or remove the column {IDS}",
        )
    return [str(each) for each in column.to_pylist()]


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type are texts, as Parquet files of any writer have them."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_text(kind: pa.DataType) -> bool:
    return is_text(kind) or bool(pa.types.is_string_view(kind))


def _numbers(
    read: Mapping[str, Sequence[_Rows]], chosen: str, root: Path
) -> tuple[Labels, tuple[str, ...]]:
    """Class numbers of the chosen split, and the names of the classes of all splits."""
    every = [rows for split in read.values() for rows in split]
    names = {rows.names for rows in every if len(rows.labels)}
    text = {isinstance(rows.labels[0], str) for rows in every if len(rows.labels)}
    if len(names) > 1 or len(text) > 1:
        raise DataError(
            expected=f"files in {root} that agree on the classes",
            came="others" if len(text) == 1 else "numbers in some and text in others",
            do="write them again with the same features",
        )
    given = [label for rows in read[chosen] for label in rows.labels]
    if True in text:
        known = sorted({str(label) for rows in read.get("train", every) for label in rows.labels})
        place = {name: number for number, name in enumerate(known)}
        new = sorted({str(label) for label in given} - place.keys())
        if new:
            raise DataError(
                expected=f"the classes of the training split ({', '.join(known[:10])})",
                came=f"the label {new[0]!r}",
                do="add the class to the training split or remove it here",
            )
        return np.array([place[str(label)] for label in given], dtype=np.int64), tuple(known)
    largest = max((int(label) for rows in every for label in rows.labels), default=0)
    if largest >= MOST_CLASSES:
        raise DataError(
            expected=f"class numbers below {MOST_CLASSES} in {root}",
            came=str(largest),
            do="number the classes from 0 up",
        )
    numbers: NDArray[np.int64] = np.array(given, dtype=np.int64)
    named = next(iter(names), None)
    return numbers, named or tuple(str(number) for number in range(largest + 1))


def _stem(file: Path, root: Path) -> str:
    """A file name need not be UTF-8; ids must be, for Parquet and JSON."""
    name = file.name if file == root else file.relative_to(root).as_posix()
    return Path(name).with_suffix("").as_posix().encode(errors="backslashreplace").decode()
