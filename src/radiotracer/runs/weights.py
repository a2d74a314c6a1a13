"""Weights in and out of safetensors files, and into a network of the same architecture."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from radiotracer.errors import NotFiniteError, RunError
from radiotracer.files import atomic_file


def save_weights(model: nn.Module, path: Path) -> str:
    """Write parameters and buffers to a safetensors file, atomically; return its SHA-256.

    Tied weights are written once under each of their names.

    Raises:
        NotFiniteError: A parameter or a buffer holds NaN or infinity; nothing is written.
        StorageError: The disk refused; nothing is left behind.
    """
    state = _copied(model)
    require_finite_weights(state, where="the network in training")
    # safetensors' own file writer hides the disk's refusals in an error of another kind.
    content = save(state)
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def digest_of_weights(model: nn.Module) -> str:
    """SHA-256 of the file that `save_weights` would write, as 64 hexadecimal digits."""
    return hashlib.sha256(save(_copied(model))).hexdigest()


def load_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read a safetensors file whose bytes have the digest `sha256`.

    Raises:
        RunError: The file is missing, has other bytes, or is not a safetensors file.
        NotFiniteError: A tensor holds NaN or infinity.
    """
    if not path.is_file():
        raise RunError(
            expected=f"the checkpoint {path}", came="no such file", do="restore it or train again"
        )
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise RunError(
            expected=f"{path} with SHA-256 {sha256[:12]}…",
            came=f"{digest[:12]}… ({len(content)} bytes)",
            do="the file was damaged or changed after the training: restore it or train again",
        )
    try:
        state = load(content)
    except SafetensorError as error:
        raise RunError(
            expected=f"a safetensors file at {path}",
            came=str(error),
            do="restore it or train again",
        ) from error
    require_finite_weights(state, where=str(path))
    return state


def require_finite_weights(
    state: dict[str, Tensor], *, where: str, do: str = "lower the learning rate and train again"
) -> None:
    """Raise `NotFiniteError` that names the first tensor with NaN or infinity."""
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            bad = int((~torch.isfinite(tensor)).sum())
            raise NotFiniteError(
                expected=f"finite weights in {where}",
                came=f"{bad} NaN or infinite values in {name}",
                do=do,
            )


def put_weights(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy `state` into `model`.

    Raises:
        RunError: Names or shapes disagree; the message lists them.
    """
    own = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in state.items()}
    differences = [f"{name} missing from the checkpoint" for name in own if name not in given]
    differences += [f"{name} unknown to the network" for name in given if name not in own]
    differences += [
        f"{name} of shape {given[name]} where the network has {own[name]}"
        for name in own
        if name in given and own[name] != given[name]
    ]
    if differences:
        shown = "; ".join(differences[:6])
        more = f"; and {len(differences) - 6} more" if len(differences) > 6 else ""
        raise RunError(
            expected="a checkpoint of the same architecture",
            came=shown + more,
            do="pass the network that was trained",
        )
    model.load_state_dict(state)


def _copied(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers on the processor, each with memory of its own."""
    return {
        name: tensor.detach().cpu().contiguous().clone()
        for name, tensor in model.state_dict().items()
    }
