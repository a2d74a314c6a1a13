"""What the tests of data write to disk."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

Draw = Callable[..., Path]


def idx_bytes(array: np.ndarray) -> bytes:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return head + array.astype(np.uint8).tobytes()


def write_idx_folder(
    folder: Path, *, n: int = 7, prefixes: tuple[str, ...] = ("train", "t10k")
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for prefix in prefixes:
        images = rng.integers(0, 256, (n, 4, 5), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 3
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return folder
