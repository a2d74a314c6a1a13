"""Small works that workers in other processes can import."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from radiotracer.errors import DataError
from radiotracer.scale import Ledger, Result


@dataclass(frozen=True)
class Squares:
    """Each unit is a number; its result is its square, and who did it.

    Args:
        folder: Where each worker notes which unit it began.
        dies_at: A unit whose worker is killed, as long as `deaths` files are missing.
        deaths: How often.
        fails_at: A unit that raises.
    """

    folder: Path
    dies_at: str = ""
    deaths: int = 1
    fails_at: str = ""

    def begin(self, ledger: Ledger) -> Callable[[str], Result]:
        def do(unit: str) -> Result:
            if unit == self.fails_at:
                raise DataError(expected="a unit that\ncan be done", came=unit, do="nothing")
            for death in range(self.deaths if unit == self.dies_at else 0):
                mark = self.folder / f"death-{death}"
                if not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            number = int(unit.removeprefix("u"))
            facts = {"process": os.getpid(), "threads": torch.get_num_threads()}
            return Result({"square": np.array([number**2])}, facts)

        return do
