"""Weights from files that came from elsewhere: safetensors, and torch's zip files with care.

This is the only place of the project that reads pickled data. Nobody's checkpoint is worth running
its code, so it is ``torch.load(weights_only=True)``, whose unpickler makes tensors and plain
containers and nothing else, on releases of torch whose known holes are closed (`PATCHED`), of files
that are measured before they are unpacked. What does not load that way is refused: there is no
other way in, and none may be added. Prefer safetensors wherever there is a choice.
"""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from radiotracer.auditing.suspects.named import said
from radiotracer.auditing.suspects.reading import MOST_BYTES, read_model_file
from radiotracer.errors import InputError

TORCH_SUFFIXES = (".pt", ".pth")

PATCHED = (2, 10)
"""Earlier releases can be made to run code in spite of ``weights_only=True`` (CVE-2026-24747)."""

_DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
)


def read_state_dict(path: Path, *, most: int = MOST_BYTES) -> tuple[dict[str, Tensor], str]:
    """Tensors by name, on the CPU, and the SHA-256 of the file.

    Shapes and values are as they came: `into_network` checks them.

    Args:
        path: A ``.safetensors``, ``.pt`` or ``.pth`` file.
        most: The largest file that is read, and the most that it may unpack to, in bytes.

    Raises:
        InputError: It is missing, too large, damaged, or holds other things than plain tensors by
            name.
    """
    if path.suffix.lower() in TORCH_SUFFIXES:
        _require_patched_torch(torch.__version__)
    content, digest = read_model_file(path, most=most)
    if path.suffix.lower() in TORCH_SUFFIXES:
        state = _from_torch(content, path, most)
    else:
        try:
            state = load_safetensors(content)
        except SafetensorError as error:
            raise InputError(
                expected=f"a safetensors file at {path}",
                came=said(error),
                do="fetch or export it again",
            ) from error
    return _plain_tensors(state, path), digest


def _from_torch(content: bytes, path: Path, most: int) -> object:
    _require_small_archive(content, path, most)
    try:
        with warnings.catch_warnings(action="ignore"):  # what it doubts fails, or is checked below
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            expected=f"nothing but tensors in {path}",
            came="a file that wants to make other things, which may run code",
            do="have its owner save the state dict alone, as safetensors",
        ) from error
    except Exception as error:  # a damaged archive fails in many ways
        raise InputError(
            expected=f"a state dict that torch.save wrote at {path}",
            came=said(error),
            do="fetch it again, or have its owner save it as safetensors",
        ) from error


def _require_small_archive(content: bytes, path: Path, most: int) -> None:
    """What torch.save writes is an uncompressed zip file; a small file may not become a large one.

    The older format, without the zip file, cannot be measured before it is unpickled.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(
            expected=f"a state dict that torch 1.6 or newer saved at {path}",
            came="no zip file",
            do="fetch it again, or have its owner save it as safetensors",
        ) from error
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > most or any(entry.compress_type for entry in entries):
        raise InputError(
            expected=f"an uncompressed state dict of at most {most} bytes in {path}",
            came=f"one of {unpacked} bytes, packed into {len(content)}",
            do="have its owner save it as safetensors",
        )


def _plain_tensors(state: object, path: Path) -> dict[str, Tensor]:
    if not isinstance(state, Mapping) or not state:
        raise InputError(
            expected=f"tensors by name in {path}",
            came="none" if isinstance(state, Mapping) else f"a {type(state).__name__}",
            do="save the network's state_dict() and nothing else",
        )
    for name, value in state.items():
        came = _what_is_wrong(value) if isinstance(name, str) else f"a {type(name).__name__}"
        if came:
            raise InputError(
                expected=f"dense tensors of numbers by name in {path}",
                came=f"{came} at {name!r}"[:300],
                do="save the network's state_dict() and nothing else",
            )
    return dict(state)


def _what_is_wrong(value: object) -> str | None:
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    if value.dtype not in _DTYPES or value.layout != torch.strided or value.device.type != "cpu":
        return f"a tensor of {value.dtype}, {value.layout}, on {value.device}"
    return None


def _require_patched_torch(version: str) -> None:
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < PATCHED:
        raise InputError(
            expected=f"torch {PATCHED[0]}.{PATCHED[1]} or newer, to open other people's .pt files",
            came=f"torch {version}",
            do="upgrade torch, or convert the file to safetensors elsewhere",
        )
