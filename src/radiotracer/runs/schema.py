"""What `run.json` holds: a training described well enough to trace it later."""

from __future__ import annotations

import itertools
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    model_validator,
)

Scalar = bool | int | float | str
Option = Scalar | tuple[Scalar | None, ...] | None
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, lt=2**53)]


_LONGEST_PATH = 255
"""Bytes; file systems take no longer names."""


def _inside(file: str) -> str:
    """A run folder may come from elsewhere: it names no file but its own."""
    leads_out = any(
        path.is_absolute() or path.drive or ".." in path.parts
        for path in (PurePosixPath(file), PureWindowsPath(file))
    )
    if leads_out or not file.isprintable():
        raise ValueError("a path that leads out of the run folder, or holds control characters")
    if len(file.encode()) > _LONGEST_PATH:
        raise ValueError(f"a path of more than {_LONGEST_PATH} bytes")
    return file


Inside = Annotated[str, AfterValidator(_inside)]
"""A path relative to the run folder, of a file in it."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSpec(_Frozen):
    """Which network was trained: a reference network's name with its options, or a class's name."""

    name: str
    options: dict[str, Scalar] = {}

    @staticmethod
    def of_class(model: object) -> ModelSpec:
        """Name a network by its class, as ``module:Class``."""
        # Torch shards a network by giving it a class of its own, below that of its author.
        kind = next(
            each
            for each in type(model).__mro__
            if not each.__module__.startswith("torch.distributed")
        )
        return ModelSpec(name=f"{kind.__module__}:{kind.__qualname__}")


class DataOptions(_Frozen):
    """Arguments of `radiotracer.open_data` beside the DATA argument; None where not given."""

    image_size: Annotated[int, Field(strict=True, ge=1)] | None = None
    image_column: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    id_column: str | None = None
    follow_links: tuple[str, ...] = ()
    merge: tuple[str, ...] = ()
    drop_class: tuple[str, ...] = ()

    def given(self) -> dict[str, Any]:
        """Those that were given, by name."""
        return {name: value for name, value in self if value not in (None, ())}


class DataSpec(_Frozen):
    """Which examples it was trained on; `source` and `validation` are DATA, where known.

    `options` are what `source` was opened with.
    """

    source: str | None
    validation: str | None
    examples: int = Field(gt=0)
    digest: str
    class_names: tuple[str, ...] | None
    options: DataOptions = DataOptions()


UNKNOWN = "unknown"
"""Name of an optimiser, or a network, of which there are checkpoints alone."""


class OptimizerSpec(_Frozen):
    """The optimiser's class name and, per parameter group, its parameters and its options.

    Args:
        name: Name of the class; of several "SGD + AdamW".
        groups: Names of the parameters that it trained, per group.
        options: What else each group held when recording began, besides the learning rate
            (momentum, weight_decay, betas, ...); None in runs recorded before this was kept.
    """

    name: str
    groups: tuple[tuple[str, ...], ...]
    options: tuple[dict[str, Option], ...] | None = None


class InitialWeights(_Frozen):
    """The weights when recording began.

    Args:
        file: Path relative to the run folder.
        sha256: Digest of the file.
        strides: Memory layout of each tensor that does not lie row by row, by name: with another
            layout a training rounds differently.
    """

    file: Inside
    sha256: Digest
    strides: dict[str, tuple[int, ...]] = {}


class WeightsFile(_Frozen):
    """Weights of a network.

    Args:
        file: Path relative to the run folder.
        sha256: Digest of the file.
        whole: Whether all tensors are in it. Otherwise the rest is as it was when recording began:
            of adapters beside a large network nothing else is kept.
    """

    file: Inside
    sha256: Digest
    whole: bool = True


class Checkpoint(WeightsFile):
    """The weights after `step` optimiser steps, and the learning rates of the steps before them.

    Args:
        step: Optimiser steps taken so far, from 1.
        epoch: Passes over the data completed so far, rounded down.
        learning_rates: One per parameter group, in force at the last step before the checkpoint; 0
            of groups that joined later.
        rate_sums: Sum of the learning rates of the steps since the checkpoint before, one per
            group; None in runs recorded before it was kept, whose steps have the rates.
        untrained: Parameters of these groups that got no gradient since the checkpoint before.
        averaged: What a running mean of the weights was at this time, where one was recorded.
    """

    step: Annotated[Count, Field(ge=1)]
    epoch: Count
    learning_rates: tuple[FiniteFloat, ...]
    rate_sums: tuple[FiniteFloat, ...] | None = None
    untrained: tuple[str, ...] = ()
    averaged: WeightsFile | None = None


class RunInfo(_Frozen):
    """The whole of `run.json`.

    `status` is ``complete`` only when the training loop ended without an error; a killed process
    leaves ``recording``, an exception ``interrupted``. `threads` is how many torch computed with;
    it, `initial` and the optimiser's options are None in runs recorded before they were kept.
    """

    schema_version: Literal[1] = 1
    status: Literal["recording", "interrupted", "complete"]
    created: str
    versions: dict[str, str]
    threads: int | None = None
    command: str
    seed: int | None
    settings: dict[str, Scalar]
    model: ModelSpec
    data: DataSpec
    optimizer: OptimizerSpec
    initial: InitialWeights | None = None
    checkpoints: tuple[Checkpoint, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        groups = len(self.optimizer.groups)
        if any(
            len(rates) != groups
            for each in self.checkpoints
            for rates in (each.learning_rates, each.rate_sums)
            if rates is not None
        ):
            raise ValueError(f"a checkpoint without a learning rate for each of {groups} groups")
        if any(one.step >= two.step for one, two in itertools.pairwise(self.checkpoints)):
            raise ValueError("checkpoints that are not in the order of training")
        return self
