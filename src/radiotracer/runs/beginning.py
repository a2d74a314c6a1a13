"""A run folder as it is before the first step: what is trained, on what, from which weights."""

from __future__ import annotations

import datetime
import json
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor, nn

from radiotracer.data import Dataset, Identity, identify
from radiotracer.data.examples import seen_by
from radiotracer.digested import digested
from radiotracer.errors import DataError
from radiotracer.files import atomic_file, empty_folder, require_new_folder, write_text
from radiotracer.runs.random_state import random_state_kept
from radiotracer.runs.schema import (
    DataOptions,
    DataSpec,
    InitialWeights,
    ModelSpec,
    OptimizerSpec,
    RunInfo,
    Scalar,
)
from radiotracer.runs.trial import require_traceable
from radiotracer.runs.weights import require_finite_weights, save_weights

INFO_FILE, EXAMPLES_FILE, INITIAL_FILE = "run.json", "examples.parquet", "initial.safetensors"


def begin_run(
    out: Path,
    model_spec: ModelSpec,
    initial: Mapping[str, Tensor] | None,
    optimizer: OptimizerSpec,
    data: Any,
    *,
    trial: nn.Module | None = None,
    strides: Mapping[str, tuple[int, ...]] | None = None,
    seed: int | None,
    settings: dict[str, Scalar],
    overwrite: bool,
) -> RunInfo:
    """Write a run folder without checkpoints; other arguments and errors are those of `record`.

    Args:
        initial: Weights to begin with (`weights_of`); None where nobody knows them.
        trial: The network, to try the examples with.
        strides: Their uncommon ones.

    Returns:
        What its ``run.json`` holds.
    """
    # A data set that augments its examples draws random numbers whenever it is read.
    if trial is not None:
        data = seen_by(trial, data)
    with random_state_kept():
        identity = identify(data)
    if not len(identity):
        raise DataError(expected="at least one example", came="none", do="check the data")
    info = RunInfo(
        status="recording",
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions={
            "python": platform.python_version(),
            "radiotracer": version("radiotracer"),
            "torch": version("torch"),
        },
        threads=torch.get_num_threads(),
        command=_command(sys.argv),
        seed=seed,
        settings=settings,
        model=model_spec,
        data=_data_spec(data, identity),
        optimizer=optimizer,
    )
    if initial is not None:
        require_finite_weights(
            initial, where="the network before training", do="initialise it again"
        )
    if trial is not None:
        require_traceable(trial, data, identity)
    require_new_folder(out, marker=INFO_FILE, overwrite=overwrite)
    empty_folder(out)
    try:
        columns = {"id": identity.ids, "sha256": identity.digests, "label": identity.labels}
        write_table(columns, out / EXAMPLES_FILE)
        if initial is not None:
            digest = save_weights(initial, out / INITIAL_FILE)
            kept = InitialWeights(file=INITIAL_FILE, sha256=digest, strides=dict(strides or {}))
            info = info.model_copy(update={"initial": kept})
        write_info(out, info)
    except BaseException:
        # Without a run.json, not even `overwrite` would replace what is there.
        empty_folder(out)
        raise
    return info


def write_info(folder: Path, info: RunInfo) -> None:
    """Write ``run.json``, with a digest of itself."""
    write_text(folder / INFO_FILE, digested(json.loads(info.model_dump_json())))


def write_table(columns: dict[str, Any], path: Path) -> None:
    """Write a Parquet file with these columns."""
    with atomic_file(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")


def _command(arguments: list[str]) -> str:
    """What was typed; a notebook's kernel was started by a program, with a file of its own."""
    name = Path(arguments[0]).name
    return "in a notebook" if "kernel_launcher" in name else " ".join([name, *arguments[1:]])


def _data_spec(data: Any, identity: Identity) -> DataSpec:
    known = data if isinstance(data, Dataset) else None
    return DataSpec(
        source=known.source if known else None,
        validation=known.validation if known else None,
        examples=len(identity.ids),
        digest=identity.digest,
        class_names=known.class_names if known else None,
        options=DataOptions(**known.options) if known else DataOptions(),
    )
