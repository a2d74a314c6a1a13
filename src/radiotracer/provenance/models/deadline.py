"""An end to waiting for what cannot be interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """What `work` gives, or raises, if it ends in time.

    It is done in a thread that nobody waits for afterwards, not even the end of the process: what
    it holds should be closed by the caller.

    Args:
        seconds: Of wall-clock time.
        work: Called once.

    Raises:
        TimeoutError: It is not done.
    """
    found: list[Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # raised again below, where the caller is
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError
    return found[0]
