"""What `run.json` holds: a training described well enough to trace it later."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = bool | int | float | str


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSpec(_Frozen):
    """Which network was trained: a reference network's name with its options, or a class's name."""

    name: str
    options: dict[str, Scalar] = {}


class DataSpec(_Frozen):
    """Which examples it was trained on. `source` and `queries` are DATA arguments, where known."""

    source: str | None
    queries: str | None
    examples: int = Field(gt=0)
    digest: str
    class_names: tuple[str, ...] | None


class OptimizerSpec(_Frozen):
    """The optimiser's class name and, per parameter group, the names of its parameters."""

    name: str
    groups: tuple[tuple[str, ...], ...]


class Checkpoint(_Frozen):
    """The weights after `step` optimiser steps, and the learning rates of that last step.

    Args:
        file: Path relative to the run folder.
        sha256: Digest of the file.
        step: Optimiser steps taken so far, from 1.
        epoch: Passes over the data completed so far, rounded down.
        learning_rates: One per parameter group, in force at the last step before the checkpoint.
    """

    file: str
    sha256: str
    step: int = Field(ge=1)
    epoch: int = Field(ge=0)
    learning_rates: tuple[float, ...]


class RunInfo(_Frozen):
    """The whole of `run.json`.

    `status` is ``complete`` only when the training loop ended without an error; a killed process
    leaves ``recording``, an exception ``interrupted``.
    """

    schema_version: Literal[1] = 1
    status: Literal["recording", "interrupted", "complete"]
    created: str
    versions: dict[str, str]
    command: str
    seed: int | None
    settings: dict[str, Scalar]
    model: ModelSpec
    data: DataSpec
    optimizer: OptimizerSpec
    checkpoints: tuple[Checkpoint, ...] = ()
