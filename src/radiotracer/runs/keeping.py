"""Writes what a training leaves behind: checkpoints, its steps, and run.json."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
from torch import Tensor, nn

from radiotracer.errors import InputError
from radiotracer.runs.beginning import write_info, write_table
from radiotracer.runs.optimizers import describe_optimizer
from radiotracer.runs.ranks import Ranks
from radiotracer.runs.schema import Checkpoint, OptimizerSpec, RunInfo, WeightsFile
from radiotracer.runs.steps import LoggedStep, StepLog
from radiotracer.runs.weights import digest_of, load_weights, save_weights, weights_of

MOST_CHANGED = 0.5
"""Share of a network's bytes up to which a checkpoint holds what changed alone, as of adapters;
otherwise it is kept whole, so that the file can be used by itself."""


class Keeper:
    """Keeps one run's folder.

    Every process of the training has one and calls it alike; the first writes.

    Args:
        folder: Of a run that has begun.
        info: What its ``run.json`` says.
        model: The network in training.
        averaged: A running mean of it, or None.
    """

    def __init__(
        self, folder: Path, info: RunInfo, model: nn.Module, averaged: nn.Module | None
    ) -> None:
        self.folder = folder
        self.info = info
        self._model = model
        self._averaged = averaged
        self._ranks = Ranks.joined()
        initial = info.initial
        # Bytes that are as they were are not written again.
        self._before = (
            {}
            if initial is None or not self._ranks.writes
            else {
                name: digest_of(tensor)
                for name, tensor in load_weights(folder / initial.file, initial.sha256).items()
            }
        )

    def keep(self, log: StepLog) -> Checkpoint:
        """Write the weights as they are now, and the steps since the last checkpoint."""
        steps = self._together(log.steps)
        if not steps:
            raise InputError(
                expected="an optimiser step before each checkpoint",
                came=f"none since step {log.number}",
                do="call optimizer.step() of the recorded optimiser, then checkpoint()",
            )
        log.require_all_optimizers()
        weights = weights_of(self._model)
        averaged = None if self._averaged is None else weights_of(self._averaged)
        trained_by = describe_optimizer(self._model, log.optimizers, log.groups)
        checkpoint, self.info = self._ranks.once(
            lambda: self._written(steps, log, weights, averaged, trained_by)
        )
        return checkpoint

    def end(self, status: Literal["interrupted", "complete"]) -> None:
        """Say in ``run.json`` how the training ended."""
        self.info = self.info.model_copy(update={"status": status})
        if self._ranks.writes:
            write_info(self.folder, self.info)

    def _together(self, mine: Sequence[LoggedStep]) -> list[LoggedStep]:
        """The steps of all processes, each of the rows of all of them."""
        ranks = self._ranks.every([each.rows for each in mine])
        if len({len(rows) for rows in ranks}) > 1:
            counts = ", ".join(str(len(rows)) for rows in ranks)
            raise InputError(
                expected="as many steps in every process of the training",
                came=counts,
                do="checkpoint at the same step everywhere, and give each process as many batches",
            )
        return [
            dataclasses.replace(each, rows=[row for rank in rows for row in rank])
            for each, *rows in zip(mine, *ranks, strict=True)
        ]

    def _written(
        self,
        steps: Sequence[LoggedStep],
        log: StepLog,
        weights: Mapping[str, Tensor],
        averaged: Mapping[str, Tensor] | None,
        trained_by: OptimizerSpec,
    ) -> tuple[Checkpoint, RunInfo]:
        name, groups = f"{steps[-1].number:08d}", len(trained_by.groups)
        rates = [[*each.rates, *[0.0] * (groups - len(each.rates))] for each in steps]
        # An optimiser may hold frozen parameters; it trains those that get a gradient.
        known = {each for group in self.info.optimizer.groups for each in group}
        trained = log.moved | known if self.info.checkpoints else log.moved
        named = tuple(
            tuple(each for each in group if each in trained) for group in trained_by.groups
        )
        kept = self._saved(weights, log.moved, f"checkpoints/{name}.safetensors")
        checkpoint = Checkpoint(
            **kept.model_dump(),
            step=steps[-1].number,
            epoch=log.epoch,
            learning_rates=tuple(rates[-1]),
            rate_sums=tuple(math.fsum(each) for each in zip(*rates, strict=True)),
            untrained=tuple(each for group in named for each in group if each not in log.moved),
            averaged=None
            if averaged is None
            else self._saved(averaged, trained, f"checkpoints/{name}-averaged.safetensors"),
        )
        write_table(
            {
                "step": pa.array([each.number for each in steps], pa.int64()),
                "epoch": pa.array([each.epoch for each in steps], pa.int32()),
                "batch": pa.array([each.rows for each in steps], pa.list_(pa.int64())),
                "learning_rates": pa.array(rates, pa.list_(pa.float64())),
            },
            self.folder / f"steps/{name}.parquet",
        )
        late = tuple(each for group in named for each in group if each not in known)
        before = (_with_latecomers(each, groups, late) for each in self.info.checkpoints)
        options = (self.info.optimizer.options or ()) + (trained_by.options or ())[
            len(self.info.optimizer.groups) :
        ]
        info = self.info.model_copy(
            update={
                "checkpoints": (*before, checkpoint),
                "optimizer": trained_by.model_copy(
                    update={"groups": named, "options": options or None}
                ),
            }
        )
        write_info(self.folder, info)
        return checkpoint, info

    def _saved(
        self, weights: Mapping[str, Tensor], moved: Collection[str], file: str
    ) -> WeightsFile:
        """All of it, or what is not as it was when recording began, where that is little."""
        new = {
            name: tensor
            for name, tensor in weights.items()
            if name in moved or digest_of(tensor) != self._before.get(name)
        }
        whole = MOST_CHANGED * _bytes(weights) < _bytes(new)
        digest = save_weights(weights if whole else new, self.folder / file)
        return WeightsFile(file=file, sha256=digest, whole=whole)


def _bytes(weights: Mapping[str, Tensor]) -> int:
    return sum(each.numel() * each.element_size() for each in weights.values())


def _with_latecomers(checkpoint: Checkpoint, groups: int, late: tuple[str, ...]) -> Checkpoint:
    """An earlier checkpoint where groups have joined, or parameters were unfrozen, since."""
    rest = (0.0,) * (groups - len(checkpoint.learning_rates))
    sums = checkpoint.rate_sums
    return checkpoint.model_copy(
        update={
            "learning_rates": checkpoint.learning_rates + rest,
            "rate_sums": None if sums is None else sums + rest,
            "untrained": checkpoint.untrained + late,
        }
    )
