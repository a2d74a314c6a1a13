"""Learning rates of a training by Hugging Face's Trainer, from what it logged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from radiotracer.errors import RunError
from radiotracer.runs.texts import first_problem, parsed

FILE = "trainer_state.json"
MOST_STEPS = 10**8


class _Logged(BaseModel):
    model_config = ConfigDict(extra="ignore")

    step: int = Field(ge=0, le=MOST_STEPS)
    learning_rate: FiniteFloat | None = None


class _State(BaseModel):
    model_config = ConfigDict(extra="ignore")

    global_step: int = Field(ge=1, le=MOST_STEPS)
    epoch: FiniteFloat = Field(default=0.0, ge=0.0)
    log_history: tuple[_Logged, ...] = ()


class TrainerState:
    """What ``trainer_state.json`` of a checkpoint says.

    Args:
        path: Of the file.

    Raises:
        RunError: It is none.
    """

    def __init__(self, path: Path) -> None:
        try:
            state = parsed(_State, path.read_bytes())
        except ValueError as error:  # pydantic's are of these
            raise RunError(
                expected=f"what the Trainer writes in {path}",
                came=first_problem(error),
                do="pass learning_rates=",
            ) from error
        self.step = state.global_step
        self.epoch = int(state.epoch)
        logged = {
            each.step: each.learning_rate
            for each in state.log_history
            if each.learning_rate is not None
        }
        self._steps = np.array(sorted(logged), dtype=np.float64)
        self._rates = np.array([logged[step] for step in sorted(logged)])

    def summed(self, after: int) -> float | None:
        """Sum of the learning rates of the steps after this one, up to the checkpoint.

        Rates between two that were logged lie on the line between them, and before the first one
        they are as it was: exact for linear schedules, and where every step is logged.
        None where no rate was logged.
        """
        if not len(self._steps):
            return None
        steps = np.arange(after + 1, self.step + 1, dtype=np.float64)
        return float(np.interp(steps, self._steps, self._rates).sum())
