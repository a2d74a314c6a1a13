"""A recorded training, read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError
from torch import Tensor

from radiotracer.data import Identity
from radiotracer.errors import RunError
from radiotracer.runs.schema import Checkpoint, RunInfo
from radiotracer.runs.weights import load_weights


@dataclass(frozen=True)
class Run:
    """A recorded training: its description and, on demand, its checkpoints and batch order."""

    folder: Path
    info: RunInfo

    @staticmethod
    def open(folder: str | Path, *, allow_interrupted: bool = False) -> Run:
        """Read the run in `folder`.

        Args:
            folder: A folder that `record` wrote.
            allow_interrupted: Accept a training that did not end, and use what checkpoints it has.

        Raises:
            RunError: There is no run, it has no checkpoint, or it did not end.
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
            info = RunInfo.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise RunError(
                expected=f"a valid {path}",
                came=f"{where}: {first['msg']}",
                do="record the run again",
            ) from error
        if info.status != "complete" and not allow_interrupted:
            raise RunError(
                expected=f"a complete run in {folder}",
                came=f"a training that stopped after {len(info.checkpoints)} checkpoints",
                do="repeat the `radiotracer train` that made it, which goes on, or pass "
                "--allow-interrupted to use what it has",
            )
        if not info.checkpoints:
            raise RunError(
                expected=f"at least one checkpoint in {folder}", came="none", do="train again"
            )
        return Run(folder, info)

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """The checkpoints in the order of training."""
        return self.info.checkpoints

    def identity(self) -> Identity:
        """Ids, digests and labels of the examples that the run was trained on, in their order."""
        table = self._table("examples.parquet")
        try:
            identity = Identity(
                ids=table["id"].to_numpy().astype(str),
                digests=table["sha256"].to_numpy().astype(str),
                labels=table["label"].to_numpy(),
            )
        except (KeyError, ValueError, pa.ArrowException) as error:
            raise RunError(
                expected=f"ids, digests and labels in {self.folder}/examples.parquet",
                came=str(error),
                do="record the run again",
            ) from error
        if identity.digest != self.info.data.digest:
            raise RunError(
                expected=f"examples.parquet with the digest that {self.folder}/run.json names",
                came="another",
                do="the run folder was changed after the training: record the run again",
            )
        return identity

    def steps(self) -> pa.Table:
        """Every recorded optimiser step: step, epoch, batch (rows), learning_rates (per group)."""
        return pa.concat_tables(
            [self._table(f"steps/{c.step:08d}.parquet") for c in self.checkpoints]
        )

    def weights(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        """Parameters and buffers at `checkpoint`, on the CPU; the bytes are checked."""
        return load_weights(self.folder / checkpoint.file, checkpoint.sha256)

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

    def learning_rates(self, checkpoint: Checkpoint) -> dict[str, float]:
        """The learning rate in force at `checkpoint`, by parameter name.

        Parameters that the optimiser did not train are absent: they have no influence.
        """
        return self.by_parameter(checkpoint.learning_rates)

    def by_parameter(self, rates: Sequence[float]) -> dict[str, float]:
        """Learning rates by parameter name, from one rate per parameter group."""
        return {
            name: rate
            for names, rate in zip(self.info.optimizer.groups, rates, strict=True)
            for name in names
        }

    def _table(self, file: str) -> pa.Table:
        path = self.folder / file
        try:
            return pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise RunError(
                expected=f"a Parquet file at {path}", came=str(error), do="record the run again"
            ) from error
