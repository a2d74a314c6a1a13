"""Safetensors files whose header lies, and files that are two things at once."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save

from corpus.hostile import CANARY, Hostile
from corpus.pickles import touch

ONE = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def network() -> dict[str, torch.Tensor]:
    """As `audit_world.mlp` has them."""
    shapes = {"1.weight": (64, 64), "1.bias": (64,), "3.weight": (3, 64), "3.bias": (3,)}
    return {name: torch.zeros(shape) for name, shape in shapes.items()}


def written(content: Callable[[Path], bytes] | bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "suspect.safetensors"
        path.write_bytes(content if isinstance(content, bytes) else content(folder))
        return path

    return make


def headed(header: object, data: bytes = b"\0" * 8) -> Callable[[Path], Path]:
    text = header if isinstance(header, str) else json.dumps(header)
    return written(struct.pack("<Q", len(text.encode())) + text.encode() + data)


def with_values(**values: float) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        state = network()
        for name, value in values.items():
            state[name.replace("_", ".", 1)][0] = value
        return written(save(state))(folder)

    return make


def with_state(**changes: torch.Tensor) -> Callable[[Path], Path]:
    return written(save({**network(), **{k.replace("_", ".", 1): v for k, v in changes.items()}}))


def zip_behind(folder: Path) -> bytes:
    """Safetensors from the front, a torch file from the back."""
    stream = io.BytesIO()
    torch.save(touch(folder), stream)
    return save(network()) + stream.getvalue()


def zip_inside(folder: Path) -> bytes:
    """The zip file lies inside of a tensor; as safetensors it is well formed."""
    stream = io.BytesIO()
    torch.save(touch(folder), stream)
    return save({"a": torch.frombuffer(bytearray(stream.getvalue()), dtype=torch.uint8)})


def zip_called_torch(folder: Path) -> Path:
    path = folder / "suspect.pt"
    path.write_bytes(zip_inside(folder))
    return path


def png_and_zip(folder: Path) -> Path:
    path = folder / "suspect.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/readme", f"touch {folder / CANARY}")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + path.read_bytes())
    return path


FILE = "a safetensors file"
FIRST, SECOND = json.dumps({"a": ONE})[1:-1], json.dumps({"a": {**ONE, "shape": [1, 2]}})[1:-1]

CORPUS = [
    Hostile("nothing", "suspect", written(b""), "an empty file"),
    Hostile("cut in its header", "suspect", written(save(network())[:100]), FILE),
    Hostile("cut in its numbers", "suspect", written(save(network())[:-9]), FILE),
    Hostile("a header of 2**63 bytes", "suspect", written(b"\xff" * 8 + b"{}"), FILE),
    Hostile("a header of 90 MB", "suspect", written(struct.pack("<Q", 90_000_000) + b"{"), FILE),
    Hostile("100,000 brackets", "suspect", headed('{"a":' + "[" * 100_000), FILE),
    Hostile("two of one name", "suspect", headed(f"{{{FIRST},{SECOND}}}"), "twice"),
    Hostile(
        "tensors that overlap",
        "suspect",
        headed({"a": ONE, "b": {**ONE, "data_offsets": [4, 12]}}, b"\0" * 12),
        FILE,
    ),
    Hostile("a tensor outside", "suspect", headed({"a": {**ONE, "data_offsets": [8, 16]}}), FILE),
    Hostile(
        "a shape that overflows", "suspect", headed({"a": {**ONE, "shape": [2**63] * 3}}), FILE
    ),
    Hostile("a negative shape", "suspect", headed({"a": {**ONE, "shape": [-2]}}), FILE),
    Hostile("a type that is none", "suspect", headed({"a": {**ONE, "dtype": "OBJECT"}}), FILE),
    Hostile("offsets backwards", "suspect", headed({"a": {**ONE, "data_offsets": [8, 0]}}), FILE),
    Hostile("a zip file behind it", "suspect", written(zip_behind), FILE),
    Hostile("a zip file inside", "suspect", written(zip_inside), "unknown to the network"),
    Hostile("a zip file inside, called pt", "suspect", zip_called_torch, "torch 1.6 or newer"),
    Hostile("an image that is a zip file", "suspect", png_and_zip, "torch 1.6 or newer"),
    Hostile("NaN", "suspect", with_values(**{"3_bias": float("nan")}), "finite weights"),
    Hostile("infinity", "suspect", with_values(**{"1_bias": -float("inf")}), "finite weights"),
    Hostile("another shape", "suspect", with_state(**{"3_bias": torch.zeros(4)}), "of shape (4,)"),
    Hostile(
        "another type", "suspect", with_state(**{"3_bias": torch.zeros(3).long()}), "torch.int64"
    ),
    Hostile(
        "a name that commands a terminal",
        "suspect",
        with_state(**{"x_\x1b]0;owned\x07\x9b2J\u202e": torch.zeros(1)}),
        r"\x1b]0;owned\x07",
    ),
]
