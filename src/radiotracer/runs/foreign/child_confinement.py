"""What programs share that open strangers' files: all doors are closed before one is read.

- Limits of the system: memory beyond what is mapped already, no further open file, no byte written
  to a file, no process and no thread, no core dump, processor time where it is asked for (where the
  system has them: Windows has none, macOS does not keep to the one of memory). They hold inside of
  a library's code, too.
- No network: a namespace of its own without devices, where a Linux kernel permits it.
- An audit hook that ends the program at whatever Python reports of itself (`HARMLESS` apart):
  opening, importing, connecting, starting, compiling. This holds everywhere.

Nothing of radiotracer is imported here: it would only be more in reach. Whatever a program needs of
Python's is imported, and tried out, before `confine`.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import sys
from pathlib import Path
from typing import Literal, NoReturn

Kind = Literal["code", "reach", "damaged", "unnamed", "other", "large"]
"""Why bytes are refused: they ask for more than tensors; the program reached for something that was
closed; they cannot be read; they hold no tensors by name; other things among them; too much."""

HARMLESS = frozenset(("object.__setattr__", "object.__getattr__", "sys._getframe"))
"""Events of Python's audit hooks that change nothing outside."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""For the environment: threads take memory that is counted, and no more can be started."""

_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000


class RefusedError(Exception):
    """Bytes that are not taken: a kind, and what came."""

    def __init__(self, kind: Kind, came: str) -> None:
        self.kind, self.came = kind, came
        super().__init__(f"{kind} {came}")


def cut_network() -> None:
    """Before there is a second thread: the kernel refuses it afterwards."""
    with contextlib.suppress(OSError, AttributeError):
        unshare = ctypes.CDLL(None).unshare
        # Root may leave the network alone; others have to become nobody of a new user namespace.
        if unshare(_NEW_NETWORK):
            unshare(_NEW_USER | _NEW_NETWORK)


def confine(memory: int, seconds: int | None = None) -> None:
    """Take from this process, for good, all that reading a file does not need.

    Args:
        memory: How many bytes it may map beside those that it has.
        seconds: Of processor time that are left to it; None: who started it ends it.
    """
    _limit(memory, seconds)
    _close_doors()


def refuse(kind: Kind, came: str) -> NoReturn:
    """Print that the bytes are not taken, and why, and end."""
    leave(refused(kind, came))


def refused(kind: Kind, came: str) -> bytes:
    """The line that says so."""
    return b"refused %s %s\n" % (kind.encode(), said(came).encode(errors="backslashreplace"))


def leave(answer: bytes) -> NoReturn:
    """Print and end without the interpreter's last things, which the hook would meet."""
    tell(answer)
    os._exit(0)


def tell(answer: bytes) -> None:
    """Print all of it."""
    rest = memoryview(answer)
    while rest:
        rest = rest[os.write(1, rest) :]


def said(error: BaseException | str) -> str:
    """An error in one line, with the name of its class."""
    if isinstance(error, str):
        return error[:300].replace("\n", " ")
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first[:200]}" if first else type(error).__name__


def _limit(memory: int, seconds: int | None) -> None:
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return
    wanted = {"NOFILE": 0, "FSIZE": 0, "NPROC": 0, "CORE": 0}
    if seconds is not None:
        wanted["CPU"] = 1 + int(sum(os.times()[:2])) + seconds
    statm = Path("/proc/self/statm")
    if statm.is_file():
        mapped = int(statm.read_text().split()[0]) * resource.getpagesize()
        wanted["AS"] = mapped + memory
    for name, most in wanted.items():
        limit = getattr(resource, f"RLIMIT_{name}", None)
        if limit is not None:
            hard = resource.getrlimit(limit)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)  # noqa: PLW2901
            resource.setrlimit(limit, (most, most))


def _close_doors() -> None:
    def hook(event: str, _arguments: object) -> None:
        if event not in HARMLESS:
            # Not an exception: whoever came this far could catch it.
            refuse("reach", event)

    sys.addaudithook(hook)
