"""Parquet files of kept examples, which this package and Hugging Face's data sets read alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

    from radiotracer.data.modality import Labelled

_OURS = b"radiotracer"


@dataclass(frozen=True)
class Kept:
    """What `write_kept` wrote.

    Args:
        table: All columns.
        about: What was said beside them.
    """

    table: pa.Table
    about: Mapping[str, str]


def write_kept(
    path: Path, columns: Mapping[str, Any], data: Labelled, about: Mapping[str, str] | None = None
) -> None:
    """Write columns of n values with the ids and the labels of a data set.

    The labels are class numbers, whose names stand in Hugging Face's metadata (``ClassLabel``).

    Args:
        path: The file.
        columns: Arrays of Arrow by name. Where one is called ``id`` or ``label`` itself, ids or
            labels go under that name and an underscore.
        data: Whose ids, labels and class names.
        about: Texts to keep in the metadata, by name.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    id, label = ("id", "label")
    while id in columns:
        id += "_"
    while label in columns:
        label += "_"
    features = {
        id: {"dtype": "string", "_type": "Value"},
        **{name: _feature(array.type) for name, array in columns.items()},
        label: {"names": list(data.class_names), "_type": "ClassLabel"},
    }
    table = pa.table({id: pa.array(data.ids.tolist(), pa.string()), **columns, label: data.labels})
    metadata = {
        b"huggingface": json.dumps({"info": {"features": features}}),
        _OURS: json.dumps(dict(about or {})),
    }
    pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")


def read_kept(path: Path) -> Kept:
    """Read such a file.

    Raises:
        DataError: It is missing, damaged or another.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream:
            table = pq.ParquetFile(stream).read()
        table.validate(full=True)
        about = json.loads((table.schema.metadata or {}).get(_OURS, b"{}"))
        if not isinstance(about, dict):
            raise ValueError("metadata of another kind")
    except (
        OSError,
        LookupError,
        ValueError,
        TypeError,
        RecursionError,
        pa.ArrowException,
    ) as error:
        raise DataError(
            expected=f"kept examples in {path}",
            came=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}",
            do="make the folder anew",
        ) from error
    return Kept(table, {str(key): str(value) for key, value in about.items()})


def _feature(kind: pa.DataType) -> dict[str, str]:
    import pyarrow as pa

    return {"dtype": "float64" if pa.types.is_floating(kind) else "string", "_type": "Value"}
