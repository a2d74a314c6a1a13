"""Weights from files that came from elsewhere: safetensors, and torch's zip files with care.

Nobody's checkpoint is worth running its code. Pickled data is read in one place of the project, by
``torch.load(weights_only=True)``, whose unpickler makes tensors and plain containers and nothing
else. None of these is trusted alone; before it and around it stand:

1. releases of torch whose known holes are closed (`PATCHED`),
2. the archive measured, and what its pickle names looked through, before anything is unpickled
   (`pickled_names.py`),
3. a process of its own, without network and with bounded resources, that gives back safetensors
   (`child_loading.py`).

What does not load that way is refused: there is no other way in, and none may be added. Prefer
safetensors wherever there is a choice.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.named import said
from radiotracer.runs.foreign.child_confinement import RefusedError
from radiotracer.runs.foreign.child_loading import load_in_child
from radiotracer.runs.foreign.child_process import NoChildError
from radiotracer.runs.foreign.child_torch import plain_tensors
from radiotracer.runs.foreign.pickled_names import require_harmless_archive
from radiotracer.runs.foreign.reading import MOST_BYTES, read_model_file
from radiotracer.runs.texts import require_names_once

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")

PATCHED = (2, 10)
"""Earlier releases can be made to run code in spite of ``weights_only=True`` (CVE-2026-24747)."""


def read_state_dict(path: Path, *, most: int = MOST_BYTES) -> tuple[dict[str, Tensor], str]:
    """Tensors by name, on the CPU, and the SHA-256 of the file.

    The file is read once: what is hashed is what is loaded. Shapes and values are as they came: the
    network that they are put into is what they are checked against.

    Args:
        path: A ``.safetensors`` file, or one that ``torch.save`` wrote: ``.pt``, ``.pth``,
            ``.bin`` or ``.ckpt``.
        most: The largest file that is read, and the most that it may unpack to, in bytes.

    Raises:
        InputError: It is missing, too large, damaged, or holds other things than plain tensors by
            name; or there is no process to open a ``.pt`` file in.
    """
    if path.suffix.lower() in TORCH_SUFFIXES:
        _require_patched_torch(torch.__version__)
    content, digest = read_model_file(path, most=most)
    if path.suffix.lower() in TORCH_SUFFIXES:
        require_harmless_archive(content, path, most=most)
        return _from_child(content, path), digest
    try:
        state = plain_tensors(load_safetensors(content))
        # Of two tensors under one name, readers take either; the header begins after its length.
        require_names_once(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return state, digest
    except RefusedError as error:
        raise _refusal(error, path) from error
    except (SafetensorError, KeyError, ValueError) as error:  # a type that torch has no name for
        raise InputError(
            expected=f"a safetensors file at {path}",
            came=said(error),
            do="fetch or export it again",
        ) from error


def _from_child(content: bytes, path: Path) -> dict[str, Tensor]:
    try:
        return plain_tensors(load_safetensors(load_in_child(content)))
    except RefusedError as error:
        raise _refusal(error, path) from error
    except (NoChildError, SafetensorError) as error:
        raise InputError(
            expected=f"{path} to open in a process without network and with bounded resources",
            came=said(error) if isinstance(error, SafetensorError) else str(error),
            do="have its owner save it as safetensors, which needs none",
        ) from error


def _refusal(error: RefusedError, path: Path) -> InputError:
    came = error.came
    if error.kind == "unnamed":
        expected, do = (
            f"tensors by name in {path}",
            "save the network's state_dict() and nothing else",
        )
    elif error.kind == "other":
        expected = f"dense tensors of numbers by name in {path}"
        do = "save the network's state_dict() and nothing else"
    elif error.kind == "damaged":
        expected = f"a state dict that torch.save wrote at {path}"
        do = "fetch it again, or have its owner save it as safetensors"
    elif error.kind == "large":
        expected = f"tensors about as large as {path}"
        do = "have its owner save it as safetensors"
    else:
        expected = f"nothing but tensors in {path}"
        came = "a file that wants to make other things, which may run code"
        if error.kind == "reach":
            came = f"a file that reaches for more ({error.came})"
        do = "have its owner save the state dict alone, as safetensors"
    return InputError(expected=expected, came=came, do=do)


def _require_patched_torch(version: str) -> None:
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < PATCHED:
        raise InputError(
            expected=f"torch {PATCHED[0]}.{PATCHED[1]} or newer, to open other people's .pt files",
            came=f"torch {version}",
            do="upgrade torch, or convert the file to safetensors elsewhere",
        )
