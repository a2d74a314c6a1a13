"""Who does the units of a work: the protocol, and this process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from radiotracer.errors import InputError
from radiotracer.scale.ledger import Ledger, Result

Do = Callable[[str], Result]
"""Does a unit, always with the same result."""

Tell = Callable[[str], None]
"""Told the name of each unit that is finished, in any order within a stage."""

Note = Callable[[str], None]
"""Told, in words, what a reader of a log should know, such as the death of a worker."""

Stages = Sequence[Sequence[str]]
"""Names of units. Those of a stage may read what the stages before have found."""


class Work(Protocol):
    """What is to be done; whatever a worker needs to know. Runners of other processes pickle it."""

    def begin(self, ledger: Ledger) -> Do:
        """Open data and networks, once in each process; units may read what others have found."""


class Runner(Protocol):
    """Does units: each at least once, in any order within a stage, by any number of workers."""

    def run(self, work: Work, stages: Stages, ledger: Ledger, tell: Tell, note: Note) -> None:
        """Do every unit, stage after stage, and write its result into the ledger.

        Workers last from the first stage to the last: opening data and networks takes seconds.

        Raises:
            InputError: What a unit raised.
            WorkerError: Workers died again and again.
        """


@dataclass(frozen=True)
class InProcess:
    """One unit after the other, here.

    Args:
        threads: Threads of torch meanwhile; None leaves what is set. With 1 the result has the same
            bits as from workers in other processes.
    """

    threads: int | None = None

    def run(self, work: Work, stages: Stages, ledger: Ledger, tell: Tell, note: Note) -> None:
        """Do every unit."""
        with torch_threads(self.threads):
            do = work.begin(ledger)
            for stage in stages:
                for unit in stage:
                    ledger.write(unit, do(unit))
                    tell(unit)


def finish(
    work: Work,
    stages: Stages,
    ledger: Ledger,
    runner: Runner,
    *,
    begun: Callable[[list[list[str]]], None] = lambda _: None,
    tell: Tell = lambda _: None,
    note: Note = lambda _: None,
) -> None:
    """Do those units that are not finished.

    Args:
        work: What is to be done.
        stages: Names of lower-case letters, digits and hyphens, none twice.
        ledger: Where the results go, and where those of before are found.
        runner: Who does it.
        begun: Told once, before any is done, which units of each stage are to be done.
        tell: Told of each unit that is finished now.
        note: Told of units that were damaged, and of workers that died.

    Raises:
        InputError: As `Runner.run`.
        WorkerError: As `Runner.run`.
    """
    missing = [[unit for unit in stage if _is_missing(ledger, unit, note)] for stage in stages]
    begun(missing)
    if any(missing):
        runner.run(work, missing, ledger, tell, note)


def _is_missing(ledger: Ledger, unit: str, note: Note) -> bool:
    state = ledger.state(unit)
    if state == "damaged":
        note(f"{unit} was damaged since it was written: it is done again")
    return state != "finished"


def result_of(ledger: Ledger, unit: str) -> Result:
    """What a finished unit found.

    Raises:
        InputError: It is gone, or damaged.
    """
    result = ledger.read(unit)
    if result is None:
        raise InputError(
            expected=f"the result of {unit}, which was finished",
            came="none, or one that was damaged since",
            do="repeat the command: only what is missing is done again",
        )
    return result


@contextlib.contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Compute with so many threads of torch; None leaves what is set."""
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
