"""Evidence from a recorded training: its checkpoints are asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from radiotracer.gradients import Data
from radiotracer.influence import Tracing, last_layer_pairs
from radiotracer.runs import Run
from radiotracer.scanning.inputs import take
from radiotracer.scanning.provenance import training_rows


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A training; its own folder has all that a review asks for, so that nothing is kept.

    Args:
        tracing: The run, and a private copy of its network, for further questions.
    """

    tracing: Tracing
    kind: ClassVar[str] = "run"
    judge: ClassVar[str] = "the network"
    opposes: ClassVar[str] = (
        "validation examples that the model got worse at by training on the flagged one"
    )
    kept: ClassVar[str | None] = None
    caveats: ClassVar[tuple[str, ...]] = ()
    health: ClassVar[None] = None

    def __repr__(self) -> str:
        """Whose evidence it is."""
        return f"RecordedRun({self.words[:150]})"

    @property
    def run(self) -> Run:
        """The recorded training."""
        return self.tracing.run

    @property
    def words(self) -> str:
        """Which training it is."""
        return f"the training recorded in {self.run.folder.absolute()}"

    @property
    def data(self) -> str | None:
        """What the run says that it was trained on."""
        return self.run.info.data.source

    @property
    def run_folder(self) -> Path:
        """Where it lies."""
        return self.run.folder.absolute()

    @property
    def notes(self) -> tuple[str, ...]:
        """What tracing it has to say, and where TracIn's derivation does not hold."""
        return self.tracing.notes

    def grounds(self, rate: float, p_values: NDArray[np.float64] | None) -> None:
        """A training has seen its examples: nothing that it says of them measures it."""

    def rows(self) -> list[tuple[str, str]]:
        """What was trained on what and how, and what of it is traced."""
        return training_rows(self.tracing)

    def influence(
        self, rows: NDArray[np.int64], train: Data, validation: Data
    ) -> NDArray[np.float64] | None:
        """TracInCP over the last layer, shape (k, m): one forward pass for each checkpoint."""
        if self.tracing.objective.head is None:
            return None
        found: NDArray[np.float64] = last_layer_pairs(
            self.tracing, take(train, rows), validation
        ).numpy()
        return found

    def keep(self, folder: Path) -> None:
        """Nothing: the run has it all."""
