"""Working on the units of a folder: alone, and with nothing left behind when the work has ended."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from radiotracer.errors import InputError, StorageError, WorkerError
from radiotracer.scale.ledger import FolderLedger
from radiotracer.scale.lock import only_one

LOCK = "units.lock"


@contextmanager
def kept(
    ledger: FolderLedger,
    *,
    stays: bool = False,
    worth: Callable[[], bool] | None = None,
    stopped: Callable[[], None] = lambda: None,
) -> Iterator[FolderLedger]:
    """Work on a ledger's units, as the only process that does.

    The units are removed when the work has ended: when all went well, and when what was asked for
    cannot be done. When it was merely stopped (interrupted, or by a full disk), they stay, and so
    do those of another work.

    Args:
        ledger: Where the units are.
        stays: They stay in any case.
        worth: Whether there is something to go on with; None says so where a unit is finished.
        stopped: Called when the work was stopped and can go on.

    Raises:
        InputError: Another process works on them.
    """
    with _alone(ledger):
        try:
            yield ledger
        except BaseException as error:
            ended = isinstance(error, InputError) and not isinstance(
                error, StorageError | WorkerError
            )
            if not ended and ((worth is not None and worth()) or not ledger.is_empty()):
                stopped()
            elif not stays and (ledger.begun or not ledger.has_work()):
                ledger.remove()
            raise
        if not stays:
            ledger.remove()


def _alone(ledger: FolderLedger) -> AbstractContextManager[None]:
    """Object stores and Windows have no such locks: there two would do the same work twice."""
    if ledger.place.path is None or importlib.util.find_spec("fcntl") is None:
        return nullcontext()

    def refused(held: str) -> InputError:
        return InputError(
            expected=f"a folder {ledger.place} that no other command is using",
            came=f"one in use by {held or 'another process'}",
            do="wait for it, or stop it first",
        )

    return only_one(ledger.place.path / LOCK, f"process {os.getpid()}", refused)
