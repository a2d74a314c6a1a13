"""Weights in and out of safetensors files, and into a network of the same architecture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from radiotracer.errors import NotFiniteError, RunError
from radiotracer.files import atomic_file
from radiotracer.runs.schema import RunInfo, WeightsFile
from radiotracer.runs.wrappers import plain, unwrapped


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by their plain names, on the processor, with memory of their own.

    Of a sharded network every rank has to ask, and each gets all.
    """
    return {
        plain(name): _whole(tensor.detach()).cpu().contiguous().clone()
        for name, tensor in unwrapped(model).state_dict().items()
    }


def save_weights(state: Mapping[str, Tensor], path: Path) -> str:
    """Write tensors to a safetensors file, atomically; return its SHA-256.

    Tied weights are written once under each of their names.

    Args:
        state: On the processor, contiguous, each with memory of its own (`weights_of`).
        path: Of the file.

    Raises:
        NotFiniteError: A tensor holds NaN or infinity; nothing is written.
        StorageError: The disk refused; nothing is left behind.
    """
    require_finite_weights(state, where="the network in training")
    # safetensors' own file writer hides the disk's refusals in an error of another kind.
    content = save(dict(state))
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def digest_of_weights(model: nn.Module) -> str:
    """SHA-256 of the file that `save_weights` would write of all of it, hexadecimal."""
    return hashlib.sha256(save(weights_of(model))).hexdigest()


def same_weights(one: Mapping[str, Tensor], two: Mapping[str, Tensor]) -> bool:
    """Whether both have the same tensors, bit by bit."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def digest_of(tensor: Tensor) -> bytes:
    """SHA-256 of a tensor's bytes; of two of the same shape and type equal where they are."""
    return hashlib.sha256(tensor.contiguous().view(-1).view(torch.uint8).numpy().data).digest()


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


def weights_at(folder: Path, info: RunInfo, kept: WeightsFile) -> dict[str, Tensor]:
    """All parameters and buffers at a checkpoint of a run, on the CPU; the bytes are checked."""
    state = load_weights(folder / kept.file, kept.sha256)
    if kept.whole:
        return state
    initial = info.initial
    if initial is None:
        raise RunError(
            expected=f"the weights that the training in {folder} began with",
            came=f"none, and only what changed in {kept.file}",
            do="record the training again",
        )
    return {**load_weights(folder / initial.file, initial.sha256), **state}


def require_finite_weights(
    state: Mapping[str, Tensor], *, where: str, do: str = "lower the learning rate and train again"
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
    model = unwrapped(model)
    names = {plain(name): name for name in model.state_dict()}
    own = {plain(name): tuple(tensor.shape) for name, tensor in model.state_dict().items()}
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
    model.load_state_dict({names[name]: tensor for name, tensor in state.items()})


def _whole(tensor: Tensor) -> Tensor:
    """A tensor that is not divided among ranks."""
    full: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return full
