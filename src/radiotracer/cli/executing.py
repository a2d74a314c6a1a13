"""Who does a long command's work, and where finished units are kept: options and their meaning."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.console import err
from radiotracer.errors import InputError, StorageError, WorkerError
from radiotracer.scale import FolderLedger, InProcess, Processes, Runner
from radiotracer.scale.lock import only_one

LOCK = "units.lock"

Workers = Annotated[
    int | None,
    Parameter(
        help="Worker processes of one thread each: the result has the same bits for any number of "
        "them. By default this process does it, with torch's threads."
    ),
]
Units = Annotated[
    str | None,
    Parameter(
        help="Folder, or URL that fsspec opens, for finished units: the same command goes on where "
        "it was stopped. By default a hidden folder beside --out, removed at the end."
    ),
]


def runner_of(workers: int | None) -> Runner:
    """Who does the work."""
    if workers is None:
        return InProcess()
    if workers < 1:
        raise InputError(
            expected="--workers of at least 1", came=str(workers), do="pass, say, --workers 2"
        )
    return Processes(workers)


@contextmanager
def kept_units(folder: Path, units: str | None, *, overwrite: bool) -> Iterator[FolderLedger]:
    """A ledger for the units of what is written to `folder`, by one process at a time.

    Those in the default place are removed when all went well, and when what was asked for cannot
    be done. When the work was merely stopped, they stay.
    """
    place = folder.resolve()
    hidden = place.with_name(f".{place.name}.units")
    ledger = FolderLedger(hidden if units is None else units, replace=overwrite)
    with _alone(ledger):
        try:
            yield ledger
        except (KeyboardInterrupt, StorageError, WorkerError):
            if ledger.is_empty():
                _remove(ledger, units)
            else:
                err.print(f"finished units are kept in {ledger.place}: the same command goes on")
            raise
        except InputError:
            _remove(ledger, units)
            raise
        _remove(ledger, units)


def _remove(ledger: FolderLedger, units: str | None) -> None:
    """Whoever named a place keeps what is in it."""
    if units is None:
        ledger.remove()


def _alone(ledger: FolderLedger) -> AbstractContextManager[None]:
    """One process at a time. Object stores have no locks: there two do the same work twice."""
    if ledger.place.path is None:
        return nullcontext()

    def refused(held: str) -> InputError:
        return InputError(
            expected=f"a folder {ledger.place} that no other command is using",
            came=f"one in use by {held or 'another process'}",
            do="wait for it, or stop it first",
        )

    return only_one(ledger.place.path / LOCK, f"process {os.getpid()}", refused)
