"""Whatever changes during a training besides the weights: kept at a checkpoint, and put back.

A state is a unit of a ledger. It names the digests of all files of the run that it belongs to, and
is taken up only where these are as they were.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from radiotracer.files import sha256_file
from radiotracer.runs import RunInfo, put_weights
from radiotracer.runs.beginning import EXAMPLES_FILE
from radiotracer.runs.optimizer_state import optimizer_state, put_optimizer_state
from radiotracer.runs.weights import weights_at
from radiotracer.scale import FolderLedger, Result

_OPTIMIZER = "optimizer/"


@dataclass(frozen=True, eq=False)
class Moving:
    """What changes during a training; torch's default generator does, too.

    Args:
        model: Its weights are in the checkpoints.
        optimizer: Of its parameters.
        scheduler: Of the optimiser.
        draws: What images are varied by.
    """

    model: nn.Module
    optimizer: Optimizer
    scheduler: LRScheduler
    draws: torch.Generator


@dataclass(frozen=True, eq=False)
class Stopped:
    """A training at a checkpoint.

    Args:
        info: Of the run, with its checkpoints until then.
        files: SHA-256 of each file of the run besides ``run.json``, by name.
        arrays: States as `keep` wrote them.
        rest: What else there was of the optimiser and of the scheduler.
    """

    info: RunInfo
    files: Mapping[str, str]
    arrays: Mapping[str, NDArray[Any]]
    rest: Mapping[str, JsonValue]

    def put_back(self, moving: Moving, folder: Path) -> None:
        """Bring everything to where it was at the checkpoint, torch's default generator too.

        Raises:
            RunError: The checkpoint is damaged.
        """
        last = self.info.checkpoints[-1]
        put_weights(moving.model, weights_at(folder, self.info, last))
        states = {
            name.removeprefix(_OPTIMIZER): array
            for name, array in self.arrays.items()
            if name.startswith(_OPTIMIZER)
        }
        put_optimizer_state(moving.model, moving.optimizer, states, self.rest["optimizer"])
        position: Any = self.rest["scheduler"]
        moving.scheduler.load_state_dict(position)
        moving.draws.set_state(torch.from_numpy(self.arrays["random/images"].copy()))
        torch.set_rng_state(torch.from_numpy(self.arrays["random/torch"].copy()))


def keep(
    ledger: FolderLedger, out: Path, info: RunInfo, files: Mapping[str, str], moving: Moving
) -> dict[str, str]:
    """Keep the state at the last checkpoint of `info`, and none of before.

    Args:
        ledger: Where.
        out: The folder of the run.
        info: What its ``run.json`` says.
        files: Digests of its files that are known already.
        moving: As it is at the checkpoint.

    Returns:
        The digests of all of its files.

    Raises:
        StorageError: The disk refused.
    """
    written = {each.file: each.sha256 for each in (info.initial, *info.checkpoints) if each}
    known = {**files, **written}
    files = {name: known.get(name) or sha256_file(out / name) for name in _files_of(info)}
    states, optimizer = optimizer_state(moving.model, moving.optimizer)
    described: dict[str, JsonValue] = {
        "run": info.model_dump(mode="json"),
        "files": dict(files),
        "optimizer": optimizer,
        "scheduler": moving.scheduler.state_dict(),
    }
    # An array as well, because the ledger vouches for arrays.
    text = json.dumps(described).encode()
    arrays = {
        "described": np.frombuffer(text, dtype=np.uint8),
        "random/torch": torch.get_rng_state().numpy(),
        "random/images": moving.draws.get_state().numpy(),
        **{f"{_OPTIMIZER}{name}": array for name, array in states.items()},
    }
    unit = f"step-{info.checkpoints[-1].step:010d}"
    ledger.write(unit, Result(arrays))
    for other in ledger.units():
        if other != unit:
            ledger.forget(other)
    return files


def newest(ledger: FolderLedger, out: Path, note: Callable[[str], None]) -> Stopped | None:
    """The newest state that is as it was written, with the files that it belongs to."""
    for unit in reversed(ledger.units()):
        found = _read(ledger.read(unit))
        if found is None:
            note(f"{unit} in {ledger.place} was damaged since it was written")
            continue
        changed = [name for name, digest in found.files.items() if not _is(out / name, digest)]
        if not changed:
            return found
        note(f"{changed[0]} in {out} was damaged since it was written")
    return None


def _read(result: Result | None) -> Stopped | None:
    if result is None:
        return None
    try:
        described = json.loads(result.arrays["described"].tobytes())
        info = RunInfo.model_validate_json(json.dumps(described.pop("run")))
        files = {str(name): str(digest) for name, digest in described.pop("files").items()}
    except (KeyError, ValueError, AttributeError):
        return None
    return Stopped(info, files, result.arrays, described)


def _files_of(info: RunInfo) -> list[str]:
    initial = [] if info.initial is None else [info.initial.file]
    steps = [f"steps/{each.step:08d}.parquet" for each in info.checkpoints]
    return [EXAMPLES_FILE, *initial, *(each.file for each in info.checkpoints), *steps]


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_file(path) == digest
