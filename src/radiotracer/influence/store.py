"""Projected gradients of all training examples at all checkpoints, kept on disk.

Written once, a store answers any number of queries at the price of the queries' own gradients and a
pass over the files. In a store's folder: ``store.json``, written last, and for each checkpoint a
matrix of features in ``*.safetensors``, rows in the order of the training examples.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from radiotracer.data import identify
from radiotracer.errors import InputError, RunError
from radiotracer.files import atomic_folder, write_text
from radiotracer.gradients import (
    Data,
    ProjectionConfig,
    count,
    feature_widths,
    in_batches,
    words_of,
)
from radiotracer.influence.projected import ProjectionError, features_of, measure_error
from radiotracer.influence.shards import (
    Shard,
    read_rows,
    require_intact,
    rows_per_shard,
    write_shards,
)
from radiotracer.influence.steady import require_steady
from radiotracer.influence.top import Ranking, require_k, strongest
from radiotracer.influence.tracing import Tracing, silent
from radiotracer.runs import take_rows

MANIFEST = "store.json"

SHARD_BYTES = 2**29
"""A shard's largest size."""

SAMPLE = (64, 32)
"""Training examples and queries on which a store's error is measured."""

BLOCK = 2**24
"""Features or scores, in numbers, that are held at once when queries are answered."""


class StoreInfo(BaseModel):
    """What ``store.json`` holds.

    Args:
        projection: Settings.
        run: Digest of the checkpoints and of their learning rates.
        data: Digest of the training examples, as `radiotracer.data.identify` makes it.
        task: What was trained on, by name; None of stores that were written before it was kept.
        rows: How many training examples.
        columns: Features per example, over all checkpoints.
        parameters: Columns of each traced parameter at a checkpoint, in their order.
        checkpoints: The shards of each checkpoint, in the order of the rows.
        error: Measured on a sample of the training examples; None if it was not measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    projection: ProjectionConfig
    run: str
    data: str
    task: str | None = None
    rows: int = Field(gt=0)
    columns: int = Field(gt=0)
    dtype: Literal["float32"] = "float32"
    parameters: dict[str, int]
    checkpoints: tuple[tuple[Shard, ...], ...]
    error: ProjectionError | None


def write_store(
    tracing: Tracing,
    train: Data,
    folder: str | os.PathLike[str],
    config: ProjectionConfig | None = None,
    *,
    shard_bytes: int = SHARD_BYTES,
    sample: tuple[int, int] | None = SAMPLE,
    overwrite: bool = False,
) -> Store:
    """Write the features of all training examples, a batch at a time.

    Args:
        tracing: The run and its network.
        train: n examples.
        folder: A new folder; it appears whole or not at all.
        config: Dimension and seed; by default the run's own seed.
        shard_bytes: A file's largest size.
        sample: Numbers of training examples and of queries, both drawn from `train`, on which the
            error is measured; None leaves it unmeasured.
        overwrite: Replace an earlier store in `folder`.

    Raises:
        InputError: `folder` holds something already; a shard cannot hold a row.
        NotFiniteError: A feature is NaN or infinite.
        StorageError: The disk refused.
    """
    folder = Path(folder)
    config = config or ProjectionConfig(seed=tracing.run.info.seed or 0)
    if not isinstance(config, ProjectionConfig):
        raise InputError(
            expected="config= as a ProjectionConfig",
            came=repr(config)[:100],
            do="pass radiotracer.gradients.ProjectionConfig(dimension=256)",
        )
    widths = feature_widths(tracing.objective, config)
    columns, n = sum(widths.values()), count(train)
    each = rows_per_shard(columns, shard_bytes)
    with atomic_folder(folder, marker=MANIFEST, overwrite=overwrite) as temporary:
        error = None
        if sample is not None:
            drawn = _sample(train, *sample, seed=config.seed)
            # What a sample takes is no part of the work that progress tells of.
            error = measure_error(dataclasses.replace(tracing, progress=silent), config, *drawn)
        shards = []
        for number, (checkpoint, rates) in enumerate(tracing.checkpoints(), start=1):
            held = tracing.held(train, checkpoint)
            found = features_of(tracing.objective, held, config, rates, where=checkpoint.file)
            shards.append(
                write_shards(temporary, f"{number:05d}", found, rows=n, columns=columns, each=each)
            )
        info = StoreInfo(
            projection=config,
            run=_run_digest(tracing),
            data=identify(train).digest,
            task=words_of(tracing.objective.task),
            rows=n,
            columns=columns * len(shards),
            parameters=widths,
            checkpoints=tuple(shards),
            error=error,
        )
        write_text(temporary / MANIFEST, info.model_dump_json(indent=2) + "\n")
    return Store(folder, info, tracing)


@dataclass(frozen=True, eq=False)
class Store:
    """Features on disk, with the tracing that makes a query's features.

    Each file's bytes are checked when it is first read.
    """

    folder: Path
    info: StoreInfo
    tracing: Tracing
    _intact: set[str] = field(default_factory=set, repr=False)

    def __repr__(self) -> str:
        """Where it is, and how large."""
        size = f"{self.info.rows:,} examples, {self.info.columns:,} numbers of each"
        return f"Store({str(self.folder)[-160:]!r}, {size})"

    @staticmethod
    def open(folder: str | os.PathLike[str], tracing: Tracing, train: Data | None = None) -> Store:
        """Read the store in `folder`.

        Args:
            folder: A folder that `write_store` wrote.
            tracing: The run and the network that it was written with.
            train: The training examples; None means those that the run recorded.

        Raises:
            RunError: There is no store, or it is of another run, other data, another task or other
                parameters.
        """
        folder = Path(folder)
        info = _read_manifest(folder)
        data = tracing.run.info.data.digest if train is None else identify(train).digest
        widths = feature_widths(tracing.objective, info.projection)
        _require(info.run == _run_digest(tracing), folder, "this run", "another run's")
        _require(info.data == data, folder, "these training examples", "one of others")
        task = words_of(tracing.objective.task)
        _require(info.task in (None, task), folder, f"the task {task}", str(info.task))
        # As lists: the parameters' order is that of the columns.
        _require(
            list(info.parameters.items()) == list(widths.items()),
            folder,
            f"the {len(widths)} traced parameters",
            f"one of {len(info.parameters)} others",
        )
        return Store(folder, info, tracing)

    def scores(self, queries: Data) -> Tensor:
        """Projected TracInCP for every pair: float64, shape (n_train, n_queries).

        Positive means a proponent of the query.
        """
        parts = [torch.cat(list(self._blocks(found))) for found in self.query_features(queries)]
        return torch.cat(parts, dim=1)

    def top(self, queries: Data, top_k: int, proponents: bool = True) -> Ranking:
        """The strongest proponents (or opponents) of each query, exact among projected scores.

        No more than a block of scores is held; equal scores are ranked by ascending row.

        Raises:
            InputError: `top_k` is less than 1 or more than there are training examples.
            RunError: A file is missing or damaged.
            NotFiniteError: A query's feature is NaN or infinite.
        """
        require_k(top_k, self.info.rows)
        found = [
            strongest(self._blocks(features), top_k, largest=proponents)
            for features in self.query_features(queries)
        ]
        return Ranking(
            torch.cat([each.rows for each in found]), torch.cat([each.scores for each in found])
        )

    def query_features(self, queries: Data) -> Iterator[list[Tensor]]:
        """Blocks of queries: for each checkpoint their features, float32, shape (m, columns)."""
        require_steady(self.tracing.asked, queries)
        for batch in in_batches(queries, max(1, BLOCK // self.info.columns)):
            pair, found = (batch.inputs, batch.targets), []
            for checkpoint, rates in self.tracing.checkpoints():
                parts = features_of(
                    self.tracing.asked,
                    self.tracing.batches(pair),
                    self.info.projection,
                    rates,
                    where=checkpoint.file,
                )
                found.append(torch.cat(list(parts)))
            yield found

    def train_features(self, size: int) -> Iterator[Iterator[Tensor]]:
        """Blocks of at most `size` training examples: for each checkpoint their features, float32.

        Raises:
            RunError: A file is missing or damaged.
        """
        for shards in zip(*self.info.checkpoints, strict=True):
            end = shards[0].start + shards[0].rows
            for start in range(shards[0].start, end, size):
                rows = slice(start, min(start + size, end))
                yield (self._read(shard, rows) for shard in shards)

    def _blocks(self, queries: list[Tensor]) -> Iterator[Tensor]:
        """Scores of shape (rows, m), block by block of the training examples."""
        columns = [features.double().T for features in queries]
        size = max(1, BLOCK // max(columns[0].shape))
        for block in self.train_features(size):
            products = (left.double() @ right for left, right in zip(block, columns, strict=True))
            scores = next(products)
            for product in products:
                scores += product
            yield scores

    def _read(self, shard: Shard, rows: slice) -> Tensor:
        if shard.file not in self._intact:
            require_intact(self.folder, shard)
            self._intact.add(shard.file)
        return read_rows(self.folder, shard, rows)


def _read_manifest(folder: Path) -> StoreInfo:
    path = folder / MANIFEST
    if not path.is_file():
        raise RunError(
            expected=f"a store in {folder}", came=f"no {MANIFEST} there", do="write one first"
        )
    try:
        return StoreInfo.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise RunError(
            expected=f"a valid {path}", came=f"{where}: {first['msg']}", do="write the store again"
        ) from error


def _require(same: bool, folder: Path, expected: str, came: str) -> None:
    if not same:
        raise RunError(
            expected=f"a store of {expected} in {folder}",
            came=came,
            do="pass what the store was written with, or write another",
        )


def _run_digest(tracing: Tracing) -> str:
    """One SHA-256 over the digests and the learning rates of every checkpoint."""
    described = [
        [checkpoint.sha256, sorted(tracing.run.summed_rates(checkpoint).items())]
        for checkpoint in tracing.run.checkpoints
    ]
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()


def _sample(train: Data, examples: int, queries: int, *, seed: int) -> tuple[Data, Data]:
    """Rows drawn at random; the two do not overlap where there are enough."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(count(train), generator=generator).tolist()
    return take_rows(train, rows[:examples]), take_rows(train, rows[-queries:])
