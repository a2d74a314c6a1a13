"""The sealed half of a folder: what was fixed before the coins, as files.

sealed/protocol.json            how the data were marked, and how they will be audited
sealed/manifest.parquet         which examples are marked, and numbers of each
sealed/arrays.npz               what a design laid down, by name
sealed/extractor.safetensors    weights that audits need, where there are some
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from radiotracer.data import Dataset
from radiotracer.data.modality import Modality
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import DataError
from radiotracer.files import atomic_file, write_text
from radiotracer.provenance.bound import weights_bytes
from radiotracer.provenance.planted import Laid
from radiotracer.provenance.protocol import Protocol

SEALED = "sealed"
PROTOCOL_FILE = "sealed/protocol.json"
MANIFEST = "sealed/manifest.parquet"
ARRAYS = "sealed/arrays.npz"
EXTRACTOR = "sealed/extractor.safetensors"

_FROM_ANY_FILE = (OSError, LookupError, TypeError, ValueError, AttributeError)


def write_sealed(  # noqa: PLR0917 - all that is sealed
    folder: Path,
    protocol: Protocol,
    laid: Laid,
    chosen: Dataset,
    rows: NDArray[np.int64],
    columns: Mapping[str, NDArray[Any]],
    arrays: Mapping[str, NDArray[Any]],
) -> None:
    """Write all of it, in a folder that only its owner may open.

    Args:
        folder: It exists.
        protocol: What was fixed.
        laid: What the coins choose between.
        chosen: The examples that are marked, k of them: ids and labels count.
        rows: Which of the data before these are, shape (k,).
        columns: Numbers of each, for the manifest.
        arrays: What else is sealed, by name.
    """
    (folder / SEALED).mkdir(mode=0o700, exist_ok=True)
    manifest = {
        "id": chosen.ids.tolist(),
        "row": rows,
        "label": chosen.labels,
        **columns,
    }
    with atomic_file(folder / MANIFEST) as temporary:
        pq.write_table(pa.table(manifest), temporary, compression="zstd")
    sealed = {f"laid/{name}": it for name, it in laid.arrays.items()}
    with atomic_file(folder / ARRAYS) as temporary:
        write_npz(temporary, {**arrays, "coins": np.array(laid.coins, dtype=np.str_), **sealed})
    if laid.extractor is not None:
        with atomic_file(folder / EXTRACTOR) as temporary:
            temporary.write_bytes(weights_bytes(laid.extractor))
    write_text(folder / PROTOCOL_FILE, protocol.model_dump_json(indent=2) + "\n")


@dataclass(frozen=True, eq=False)
class Sealed:
    """What the files say.

    Args:
        laid: What was laid down.
        ids: Of the marked examples, shape (k,).
        rows: Which of the data before these are, shape (k,).
        labels: Theirs, shape (k,).
        columns: Further columns of the manifest.
        arrays: What else was sealed.
    """

    laid: Laid
    ids: NDArray[np.str_]
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    arrays: dict[str, NDArray[Any]]


def read_sealed(folder: Path, protocol: Protocol, modality: Modality) -> Sealed:
    """Read what `write_sealed` wrote.

    Raises:
        ValueError: They do not belong together; or what readers of files raise.
    """
    if modality.name != protocol.modality:
        raise ValueError(f"a protocol of {protocol.modality}")
    with (folder / MANIFEST).open("rb") as stream:
        table = pq.ParquetFile(stream).read()
    columns = {name: table[name].to_numpy() for name in table.column_names}
    arrays = read_arrays(folder / ARRAYS)
    if any(array.ndim == 0 for array in arrays.values()):
        raise ValueError(f"a single number in {ARRAYS}")
    ids, rows = columns.pop("id").astype(str), columns.pop("row").astype(np.int64)
    labels = columns.pop("label").astype(np.int64)
    laid = Laid(
        coins=_names(arrays.pop("coins")),
        arrays={
            name.removeprefix("laid/"): arrays.pop(name)
            for name in list(arrays)
            if name.startswith("laid/")
        },
        extractor=None if protocol.extractor is None else load_file(folder / EXTRACTOR),
    )
    return Sealed(laid, ids, rows, labels, columns, arrays)


def _names(array: NDArray[Any]) -> tuple[str, ...]:
    if array.dtype.kind != "U" or array.ndim != 1:
        raise ValueError("names of coins that are no texts")
    names: tuple[str, ...] = tuple(array.tolist())
    "".join(names).encode()  # half a character is no name
    return names


@contextmanager
def sealed_errors(folder: Path) -> Iterator[None]:
    """What any file of the sealed half may raise, as one `DataError`."""
    try:
        yield
    except (*_FROM_ANY_FILE, pa.ArrowException, SafetensorError, DataError) as error:
        raise DataError(
            expected=f"the sealed half of a release in {folder / SEALED}",
            came=re.sub(r"\s+", " ", str(error))[:200],
            do="restore it; without it there is nothing to audit with",
        ) from error
