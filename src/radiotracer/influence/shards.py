"""A matrix in several safetensors files, written row by row, read block by block."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open
from torch import Tensor

from radiotracer.errors import InputError, RunError
from radiotracer.files import atomic_file, sha256_file

NAME = "features"
"""The tensor in each file."""

_HEADER = 256
"""Bytes before the numbers: their length, and a description padded to a fixed size."""


class Shard(BaseModel):
    """Consecutive rows in a file.

    Args:
        file: Path relative to the store's folder.
        sha256: Digest of the file.
        start: First row.
        rows: How many.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    start: int
    rows: int


def rows_per_shard(columns: int, shard_bytes: int) -> int:
    """How many rows of float32 fit into a file of `shard_bytes`.

    Raises:
        InputError: Not one.
    """
    rows = (shard_bytes - _HEADER) // (4 * columns)
    if rows < 1:
        raise InputError(
            expected=f"shards of at least {4 * columns + _HEADER} bytes, to hold one row",
            came=str(shard_bytes),
            do="pass a larger shard_bytes or a smaller dimension",
        )
    return rows


def write_shards(
    folder: Path, stem: str, batches: Iterable[Tensor], *, rows: int, columns: int, each: int
) -> tuple[Shard, ...]:
    """Write a matrix that comes batch by batch; no more than a batch of it is held.

    Args:
        folder: Where to.
        stem: The files are named ``STEM-00000.safetensors`` and so on.
        batches: Consecutive rows, float32, shape (any, columns); `rows` in all.
        rows: Rows of the matrix.
        columns: Columns of the matrix.
        each: Rows per file; the last file may have fewer.

    Raises:
        StorageError: The disk refused.
    """
    source = iter(batches)
    waiting = torch.zeros(0, columns)
    shards = []
    for number, start in enumerate(range(0, rows, each)):
        stop = min(start + each, rows)
        path = folder / f"{stem}-{number:05d}.safetensors"
        digest = hashlib.sha256()
        # safetensors' own writer takes whole tensors only; its format is a header and the numbers.
        with atomic_file(path) as temporary, temporary.open("wb") as stream:
            content = _header(stop - start, columns)
            left = stop - start
            while True:
                digest.update(content)
                stream.write(content)
                if left == 0:
                    break
                if len(waiting) == 0:
                    waiting = next(source)
                content = waiting[:left].contiguous().numpy().astype("<f4").tobytes()
                taken, waiting = len(waiting[:left]), waiting[left:]
                left -= taken
        shards.append(
            Shard(file=path.name, sha256=digest.hexdigest(), start=start, rows=stop - start)
        )
    # Whoever makes the batches is told that all were taken.
    assert next(source, None) is None  # noqa: S101
    return tuple(shards)


def require_intact(folder: Path, shard: Shard) -> None:
    """Raise `RunError` when a file is missing or has other bytes than were written."""
    path = folder / shard.file
    if not path.is_file():
        raise RunError(expected=f"the shard {path}", came="no such file", do=_AGAIN)
    digest = sha256_file(path)
    if digest != shard.sha256:
        raise RunError(
            expected=f"{path} with SHA-256 {shard.sha256[:12]}…",
            came=f"{digest[:12]}…",
            do=f"the file was damaged or changed: {_AGAIN}",
        )


def read_rows(folder: Path, shard: Shard, rows: slice) -> Tensor:
    """Rows of the matrix that lie in this file, numbered in the matrix: float32."""
    path = folder / shard.file
    try:
        with safe_open(path, framework="pt") as file:
            part = file.get_slice(NAME)
            found: Tensor = part[rows.start - shard.start : rows.stop - shard.start]
    except (SafetensorError, OSError) as error:
        raise RunError(expected=f"features in {path}", came=str(error), do=_AGAIN) from error
    return found


_AGAIN = "write the store again"


def _header(rows: int, columns: int) -> bytes:
    described = {
        "dtype": "F32",
        "shape": [rows, columns],
        "data_offsets": [0, 4 * rows * columns],
    }
    text = json.dumps({NAME: described}, separators=(",", ":")).encode()
    size = _HEADER - 8
    return size.to_bytes(8, "little") + text.ljust(size)
