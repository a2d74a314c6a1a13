"""Small works that workers in other processes can import."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radiotracer.errors import DataError
from radiotracer.scale import Ledger, Result, result_of

if TYPE_CHECKING:
    from radiotracer.scanning.inputs import ScanInputs


@dataclass(frozen=True)
class Squares:
    """Each unit is a number; its result is its square, and who did it.

    Args:
        folder: Where each worker notes which unit it began.
        dies_at: A unit whose worker is killed, as long as `deaths` files are missing.
        deaths: How often.
        fails_at: A unit that raises.
        seconds: How long each takes.
    """

    folder: Path
    dies_at: str = ""
    deaths: int = 1
    fails_at: str = ""
    seconds: float = 0.0

    def begin(self, ledger: Ledger) -> Callable[[str], Result]:
        import torch

        def do(unit: str) -> Result:
            if unit == self.fails_at:
                raise DataError(expected="a unit that\ncan be done", came=unit, do="nothing")
            for death in range(self.deaths if unit == self.dies_at else 0):
                mark = self.folder / f"death-{death}"
                if not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(self.seconds)
            number = int(unit.removeprefix("u"))
            facts = {"process": os.getpid(), "threads": torch.get_num_threads()}
            return Result({"square": np.array([number**2])}, facts)

        return do


@dataclass(frozen=True)
class Adds:
    """Each unit is 1 in the first stage, and the sum of the stage before it in the others.

    Args:
        stages: The units.
    """

    stages: list[list[str]]

    def begin(self, ledger: Ledger) -> Callable[[str], Result]:
        stages = [stage for stage in self.stages if stage]
        begun = f"{os.getpid()} {time.monotonic_ns()}"

        def do(unit: str) -> Result:
            place = next(i for i, stage in enumerate(stages) if unit in stage)
            before = [result_of(ledger, each) for each in stages[place - 1]] if place else []
            total = sum(int(result.arrays["sum"][0]) for result in before) if place else 1
            return Result({"sum": np.array([total])}, {"begun": begun})

        return do


@dataclass(frozen=True)
class Waits:
    """Never done.

    Args:
        folder: Where it notes that it began.
    """

    folder: Path

    def begin(self, ledger: Ledger) -> Callable[[str], Result]:
        def do(unit: str) -> Result:
            (self.folder / "begun").touch()
            time.sleep(600)
            raise AssertionError(unit)

        return do


def opened(folder: Path, data: Path, queries: str) -> ScanInputs:
    """What a scan is asked about, opened in a worker."""
    # Every worker of a test imports this file; most of them scan nothing.
    from radiotracer.data import open_data
    from radiotracer.runs import Run
    from radiotracer.scanning.inputs import ScanInputs
    from radiotracer.training.networks import build_model

    run = Run.open(folder)
    return ScanInputs(build_model(run.info.model), run, open_data(str(data)), open_data(queries))
