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
"""Told the name of each unit that is finished, in any order."""


class Work(Protocol):
    """What is to be done; whatever a worker needs to know. Runners of other processes pickle it."""

    def begin(self, ledger: Ledger) -> Do:
        """Open data and networks, once in each process; units may read what others have found."""


class Runner(Protocol):
    """Does units: each at least once, in any order, by any number of workers."""

    def run(self, work: Work, units: Sequence[str], ledger: Ledger, tell: Tell) -> None:
        """Do every unit and write its result into the ledger.

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

    def run(self, work: Work, units: Sequence[str], ledger: Ledger, tell: Tell) -> None:
        """Do every unit."""
        with _threads(self.threads):
            do = work.begin(ledger)
            for unit in units:
                ledger.write(unit, do(unit))
                tell(unit)


def finish(
    work: Work,
    units: Sequence[str],
    ledger: Ledger,
    runner: Runner,
    *,
    begun: Callable[[list[str]], None] = lambda _: None,
    tell: Tell = lambda _: None,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Do those units that are not finished.

    Args:
        work: What is to be done.
        units: Names of lower-case letters, digits and hyphens, none twice.
        ledger: Where the results go, and where those of before are found.
        runner: Who does it.
        begun: Told once, before any is done, which units are to be done.
        tell: Told of each unit that is finished now.
        note: Told, in words, what a reader of a log should know.

    Raises:
        InputError: As `Runner.run`.
    """
    missing = []
    for unit in units:
        state = ledger.state(unit)
        if state != "finished":
            missing.append(unit)
        if state == "damaged":
            note(f"{unit} was damaged since it was written: it is done again")
    begun(missing)
    if missing:
        runner.run(work, missing, ledger, tell)


def together(runner: Runner) -> contextlib.AbstractContextManager[None]:
    """Several calls of `finish`, between which a runner may stay connected to its workers."""
    connected: Callable[[], contextlib.AbstractContextManager[None]]
    connected = getattr(runner, "connected", contextlib.nullcontext)
    return connected()


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
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
