"""Checkpoints that somebody has: files, folders of the Trainer, or weights in memory."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.runs.foreign.state_dicts import TORCH_SUFFIXES, read_state_dict
from radiotracer.runs.foreign.trainer_state import FILE, TrainerState
from radiotracer.runs.wrappers import plain

Given = str | os.PathLike[str] | Mapping[str, Tensor]

SUFFIXES = (".safetensors", *TORCH_SUFFIXES, ".ckpt", ".bin")

_SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.)")
_BESIDE = re.compile(r"optimizer|scheduler|rng_state|training_args|scaler")
"""Files of a Trainer's folder that hold no weights."""

_ADAPTER = re.compile(r"(\.lora_\w+)(?=\.weight$)")
"""Where the adapter's name belongs in a parameter's."""


@dataclass(frozen=True)
class Found:
    """One checkpoint.

    Args:
        name: Of it, for messages.
        read: Gives its tensors by name, on the processor.
        state: What the Trainer said of it, where it was one.
    """

    name: str
    read: Callable[[], Mapping[str, Tensor]]
    state: TrainerState | None = None


def found_checkpoints(given: Given | Sequence[Given]) -> list[Found]:
    """The checkpoints, in the order of training.

    Args:
        given: One or several, in order: a file (safetensors; .pt, .pth, .bin, .ckpt by torch's
            restricted loader), a folder that the Trainer wrote (``checkpoint-500``), or tensors by
            name; or a folder that holds such files or folders, in the order of the numbers in their
            names.

    Raises:
        InputError: There is none.
    """
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        inside = _inside(path) if path.is_dir() and not _weights_in(path) else [path]
        if not inside:
            raise InputError(
                expected=f"checkpoints in {path}: {', '.join(SUFFIXES)} or checkpoint-* folders",
                came="none",
                do="pass the files themselves, in the order of training",
            )
        return [_of_path(each) for each in inside]
    several = [given] if isinstance(given, Mapping) else list(given)
    if not several:
        raise InputError(expected="at least one checkpoint", came="none", do="pass their files")
    return [
        Found(f"checkpoint {number}", partial(_plain, each))
        if isinstance(each, Mapping)
        else _of_path(Path(each))
        for number, each in enumerate(several, start=1)
    ]


def named_as_in(state: Mapping[str, Tensor], own: Collection[str]) -> dict[str, Tensor]:
    """The tensors under the names that the network has for them.

    What frameworks put before or into names (``module.``, ``_orig_mod.``, a LightningModule's
    ``model.``) is taken off, and adapters that were saved without a name are called ``default``,
    as peft calls them when it loads them.

    Args:
        state: By the names that they were saved under.
        own: The network's; empty where it is not known.
    """
    found = {plain(name): tensor for name, tensor in state.items()}
    if found.keys() & set(own):
        return found
    adapters = {_ADAPTER.sub(r"\1.default", name): tensor for name, tensor in found.items()}
    if adapters.keys() & set(own):
        return adapters
    for name in own or ():
        before = next((each.removesuffix(name) for each in found if each.endswith("." + name)), "")
        if before and all(each.startswith(before) for each in found):
            return {each.removeprefix(before): tensor for each, tensor in found.items()}
    if all(each.startswith("module.") for each in found):
        return {each.removeprefix("module."): tensor for each, tensor in found.items()}
    return found


def _of_path(path: Path) -> Found:
    if path.is_dir():
        files = _weights_in(path)
        if not files:
            raise InputError(
                expected=f"weights in {path} (model.safetensors, adapter_model.safetensors)",
                came="none",
                do="pass the file that holds them",
            )
        beside = path / FILE
        state = TrainerState(beside) if beside.is_file() else None
        return Found(str(path), partial(_read, files), state)
    return Found(str(path), partial(_read, [path]))


def _inside(folder: Path) -> list[Path]:
    found = [
        each
        for each in folder.iterdir()
        if (_weights_in(each) if each.is_dir() else _is_weights(each))
    ]
    return sorted(found, key=_order)


def _weights_in(folder: Path) -> list[Path]:
    """The files of weights of one checkpoint of the Trainer's, in shards or whole."""
    files = [each for each in sorted(folder.iterdir()) if _is_weights(each)]
    whole = {_SHARD.sub("", each.name) for each in files}
    is_one = len(whole) == 1 and next(iter(whole)).startswith(("model", "pytorch_model", "adapter"))
    return files if is_one else []


def _is_weights(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file() and not _BESIDE.match(path.name)


def _order(path: Path) -> list[Any]:
    """Numbers count as numbers: 900 before 1000."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def _read(files: Sequence[Path]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for file in files:
        found |= read_state_dict(file)[0]
    return found


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu() for name, tensor in state.items()}
