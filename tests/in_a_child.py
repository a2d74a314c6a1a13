"""What is done in a child of this process, where it may be killed or run out of disk.

The child has imported already what a new process takes seconds to import.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True)
class Ended:
    """How a child ended.

    Args:
        status: Its exit status, or minus the signal that killed it.
        out: What it printed.
        err: What it complained of.
    """

    status: int
    out: str
    err: str


def in_a_child(do: Callable[[], int | None]) -> Ended:
    """Call a function in a child; what it returns is the exit status, None is 0."""
    pipes = os.pipe(), os.pipe()
    with warnings.catch_warnings():
        # Newer Pythons warn of other threads, none of which holds a lock here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _end(do, pipes[0][1], pipes[1][1])
    said = []
    for _, write in pipes:
        os.close(write)
    for read, _ in pipes:
        with os.fdopen(read, encoding="utf-8") as stream:
            said.append(stream.read())
    return Ended(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), *said)


def _end(do: Callable[[], int | None], out: int, err: int) -> NoReturn:
    status = 99
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
        status = do() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def kill_me() -> NoReturn:
    """The end of this process, without a chance to say so."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it lives")


def limit_files(size: int) -> None:
    """To this process the disk is full when a file has so many bytes; pipes know no limit."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
