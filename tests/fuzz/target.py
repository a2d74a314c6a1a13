"""What is fuzzed, and what counts as a crash."""

from __future__ import annotations

import contextlib
import hashlib
import resource
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from radiotracer.errors import RadiotracerError

SECONDS = 5
"""Of processor time, which other programs on the machine do not use up: more is a crash."""

MEMORY = 1 << 20
"""KiB that the process may grow by during one input: more is a crash."""

Parse = Callable[[bytes], object]


@dataclass(frozen=True)
class Prepared:
    """A parser, ready to be given inputs.

    Args:
        seeds: Inputs that it takes without an error.
        parse: Reads one input.
    """

    seeds: tuple[bytes, ...]
    parse: Parse


@dataclass(frozen=True)
class Target:
    """One parser.

    Args:
        name: Lower-case letters, digits and hyphens.
        prepare: Makes it ready; may use the folder, which is empty and its own.
        quick: How many inputs fit into about a second.
    """

    name: str
    prepare: Callable[[Path], Prepared]
    quick: int


@dataclass(frozen=True)
class Crash:
    """What a parser must not do.

    Args:
        what: The error in a few words.
        where: The file and line in which it came up, if that can be said.
        trace: The whole of it, for people.
    """

    what: str
    where: str
    trace: str

    @property
    def name(self) -> str:
        """The same for the same error at the same place: 12 hexadecimal digits."""
        return hashlib.sha256(f"{self.what.partition(':')[0]} {self.where}".encode()).hexdigest()[
            :12
        ]


class TooSlowError(BaseException):
    """Not an Exception, so that no parser takes it for a damaged file."""


def outcome(parse: Parse, content: bytes) -> Crash | bool:
    """Whether the parser took the input; or, if it did neither that nor refuse it, its crash.

    Errors of ours are refusals. So is nothing else: helpers that document other errors are called
    by targets that catch just these.
    """
    before = _peak()
    try:
        with _time_limit(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parse(content)
    except RadiotracerError:
        taken = False
    except (Exception, TooSlowError) as error:
        return Crash(f"{type(error).__name__}: {str(error)[:200]}", _where(error), _trace(error))
    else:
        taken = True
    if _peak() - before > MEMORY:
        return Crash("more memory than an input may take", "", f"{_peak() - before} KiB")
    return taken


@contextlib.contextmanager
def _time_limit() -> Iterator[None]:
    def stop(_: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _peak() -> int:
    """The most memory that this process ever had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _where(error: BaseException) -> str:
    """The innermost line of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if "/radiotracer/" in each.filename]
    if not ours:
        return ""
    last = ours[-1]
    return f"{last.filename.rpartition('/radiotracer/')[2]}:{last.name}"


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-12))
