"""A recorded training, read back."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from torch import Tensor, nn

from radiotracer.data import Identity
from radiotracer.data.columns import is_text
from radiotracer.errors import RunError
from radiotracer.runs.brought import bring_run
from radiotracer.runs.foreign.checkpoints import Given
from radiotracer.runs.schema import UNKNOWN, Checkpoint, ModelSpec, RunInfo
from radiotracer.runs.tables import is_list_of_floats, is_list_of_integers, read_columns
from radiotracer.runs.texts import first_problem, parsed_digested
from radiotracer.runs.weights import load_weights, weights_at
from radiotracer.views import Shown

_STEPS = {
    "step": pa.types.is_integer,
    "epoch": pa.types.is_integer,
    "batch": is_list_of_integers,
    "learning_rates": is_list_of_floats,
}


@dataclass(frozen=True)
class Run(Shown):
    """A recorded training: its description and, on demand, its checkpoints and batch order.

    Args:
        folder: Where it lies.
        info: What its ``run.json`` says.
        averaged: Whether weights are the running mean that was recorded beside them.
    """

    folder: Path
    info: RunInfo
    averaged: bool = False

    def __repr__(self) -> str:
        """Where it is and what it has, in one short line."""
        info = self.info
        what = f"{info.data.examples:,} examples, {len(info.checkpoints)} checkpoints"
        return f"Run({str(self.folder)[-160:]!r}: {info.model.name[:50]}, {what}, {info.status})"

    @staticmethod
    def open(
        folder: str | os.PathLike[str], *, allow_interrupted: bool = False, averaged: bool = False
    ) -> Run:
        """Read the run in `folder`.

        Args:
            folder: A folder that `record` wrote.
            allow_interrupted: Accept a training that did not end, and use what checkpoints it has.
            averaged: Take the running mean of the weights at each checkpoint for its weights.

        Raises:
            RunError: There is no run, it has no checkpoint, it did not end, or no mean was
                recorded.
        """
        folder = Path(folder)
        path = folder / "run.json"
        if not path.is_file():
            raise RunError(
                expected=f"a recorded run in {folder}",
                came="no run.json there",
                do="make one with `radiotracer train` or radiotracer.record",
            )
        try:
            info = parsed_digested(RunInfo, path.read_bytes())
        except ValueError as error:  # pydantic's are of these
            raise RunError(
                expected=f"a valid {path}", came=first_problem(error), do="record the run again"
            ) from error
        if info.status != "complete" and not allow_interrupted:
            raise RunError(
                expected=f"a complete run in {folder}",
                came=f"a training that stopped after {len(info.checkpoints)} checkpoints",
                do="repeat the training that made it, which goes on, or pass "
                "allow_interrupted=True to use what it has",
            )
        if not info.checkpoints:
            raise RunError(
                expected=f"at least one checkpoint in {folder}", came="none", do="train again"
            )
        if averaged and any(each.averaged is None for each in info.checkpoints):
            raise RunError(
                expected=f"averaged weights at every checkpoint of {folder}",
                came="none",
                do="record with averaged=",
            )
        return Run(folder, info, averaged)

    @staticmethod
    def from_checkpoints(
        checkpoints: Given | Sequence[Given],
        learning_rates: Sequence[float] | None = None,
        *,
        data: Any,
        model: nn.Module | None = None,
        model_spec: ModelSpec | None = None,
        out: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Run:
        """A run made of checkpoints that you have, of a training that was not recorded.

        Everything works on it but what needs the order of batches (replays).

        Args:
            checkpoints: In the order of training: files (safetensors; ``.pt``, ``.pth``, ``.bin``,
                ``.ckpt``, of which nothing but tensors is opened), folders that Hugging Face's
                Trainer wrote (``checkpoint-500``), or state dicts; or one folder that holds such;
                or a single one, of the final model. Of what trainers save beside them nothing is
                read but ``trainer_state.json``.
            learning_rates: One per checkpoint: how much it counts. Exactly that is the sum of the
                learning rates of the steps since the checkpoint before; where every checkpoint
                comes after as many steps, the rates themselves do, as in captum's TracInCP. None
                takes them from what the Trainer logged; a single checkpoint needs none.
            data: The examples that it was trained on, as `radiotracer.record` takes them.
            model: The network, whose names for parameters are taken; needed where files have other
                names (of a LightningModule), or adapters alone.
            model_spec: How to build the network again; reference networks.
            out: A new folder to keep the run in; None is one that goes with this object.
            overwrite: Replace an earlier run in `out`.

        Raises:
            InputError: A file cannot be opened, or rates are missing or are not as many.
            RunError: Checkpoints are not of one network, or not in order, or all the same; the
                Trainer's state cannot be read.
            DataError: The data cannot be identified.
            NotFiniteError: A weight is NaN or infinite.
            StorageError: The disk refused.
        """
        folder = Path(tempfile.mkdtemp(prefix="radiotracer-run-") if out is None else out)
        try:
            bring_run(
                checkpoints,
                learning_rates,
                data,
                folder,
                model=model,
                model_spec=model_spec,
                overwrite=overwrite,
            )
        except BaseException:
            if out is None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        run = Run.open(folder)
        if out is None:
            weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
        return run

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """The checkpoints in the order of training."""
        return self.info.checkpoints

    def identity(self) -> Identity:
        """Ids, digests and labels of the examples that the run was trained on, in their order."""
        table = read_columns(
            self.folder / "examples.parquet",
            {"id": is_text, "sha256": is_text, "label": pa.types.is_integer},
        )
        try:
            identity = Identity.of(
                ids=table["id"].to_numpy().astype(str),
                digests=table["sha256"].to_numpy().astype(str),
                labels=table["label"].to_numpy(),
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise RunError(
                expected=f"ids, digests and labels in {self.folder}/examples.parquet",
                came=str(error)[:300],
                do="record the run again",
            ) from error
        if len(identity) != self.info.data.examples or identity.digest != self.info.data.digest:
            raise RunError(
                expected=f"examples.parquet with the digest that {self.folder}/run.json names",
                came="another",
                do="the run folder was changed after the training: record the run again",
            )
        return identity

    def steps(self) -> pa.Table:
        """Every recorded optimiser step: step, epoch, batch (rows), learning_rates (per group)."""
        parts = [self._segment(each) for each in self.checkpoints]
        if any(part.schema.types != parts[0].schema.types for part in parts):
            raise RunError(
                expected=f"files in {self.folder / 'steps'} with columns of the same types",
                came="others",
                do="record the run again",
            )
        return pa.concat_tables(parts)

    def _segment(self, checkpoint: Checkpoint) -> pa.Table:
        if self.info.optimizer.name == UNKNOWN:
            raise RunError(
                expected=f"a training with its batches in {self.folder}",
                came="checkpoints alone",
                do="record the training by radiotracer.record",
            )
        return read_columns(self.folder / f"steps/{checkpoint.step:08d}.parquet", _STEPS)

    def weights(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        """Parameters and buffers at `checkpoint`, on the CPU; the bytes are checked."""
        chosen = checkpoint.averaged if self.averaged and checkpoint.averaged else checkpoint
        return weights_at(self.folder, self.info, chosen)

    def initial_weights(self) -> dict[str, Tensor]:
        """Parameters and buffers when recording began, on the CPU; the bytes are checked.

        Raises:
            RunError: The run was recorded before they were kept, or the file is damaged.
        """
        initial = self.info.initial
        if initial is None:
            raise RunError(
                expected=f"a run with its initial weights in {self.folder}",
                came="one recorded before they were kept",
                do="record the training again",
            )
        return load_weights(self.folder / initial.file, initial.sha256)

    def summed_rates(self, checkpoint: Checkpoint) -> dict[str, float]:
        """How much a checkpoint weighs: the sum of the learning rates of its steps, by parameter.

        Its steps are those since the checkpoint before, in which its gradients stand for theirs.
        Of a parameter that was frozen meanwhile it is 0. Parameters that no optimiser trained are
        absent: they have no influence.
        """
        sums = checkpoint.rate_sums
        if sums is None:
            rates = self._segment(checkpoint)["learning_rates"].to_pylist()
            sums = tuple(math.fsum(each) for each in zip(*rates, strict=True))
        frozen = set(checkpoint.untrained)
        return {
            name: 0.0 if name in frozen else rate for name, rate in self.by_parameter(sums).items()
        }

    def by_parameter(self, rates: Sequence[float]) -> dict[str, float]:
        """Learning rates by parameter name, from one rate per group that had joined by then."""
        return {
            name: rate
            for names, rate in zip(self.info.optimizer.groups, rates, strict=False)
            for name in names
        }
