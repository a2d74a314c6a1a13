"""A process that opens strangers' files, seen from this one: it answers in time, or it is ended.

It gets what it reads through a pipe, its environment is empty but for what the system's loader
needs, and it lies in a session of its own. How it confines itself is said in
`child_confinement.py`. What it answers is a stranger's word, and read as such.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, TypeVar, cast, get_args

from radiotracer.runs.foreign.child_confinement import Kind, RefusedError

Answer = TypeVar("Answer")

_FOR_THE_LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class NoChildError(Exception):
    """The child could not be made, was ended, or died; the text says which."""


class LateError(NoChildError):
    """The child was ended, since it took too long."""


class Child:
    """A running program that is asked, and ended with this object at the latest.

    Args:
        program: What it runs, in isolated Python.
        arguments: Of the program, before the folders that it finds packages in.
        packages: The modules that it imports.

    Raises:
        NoChildError: There is no process to be had.
    """

    def __init__(
        self, program: Path, arguments: Sequence[object], packages: Sequence[ModuleType]
    ) -> None:
        # Isolated Python does not look into the user's own packages, where these may lie.
        homes = dict.fromkeys(str(Path(str(each.__file__)).parents[1]) for each in packages)
        try:
            self._process = subprocess.Popen(
                [sys.executable or "python", "-I", str(program), *map(str, arguments), *homes],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _FOR_THE_LOADER if name in os.environ},
                cwd=program.anchor,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise NoChildError(f"no process to read it in ({type(error).__name__})") from error
        self.end = weakref.finalize(self, _end, self._process)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def ask(
        self,
        request: Sequence[bytes],
        read: Callable[[BinaryIO], Answer],
        seconds: float,
    ) -> Answer:
        """What `read` makes of the answer to a request.

        Args:
            request: What is sent, part by part.
            read: Reads exactly what belongs to the answer; raises `NoChildError` where it is none.
            seconds: How long the answer may take.

        Raises:
            LateError: It took longer.
            NoChildError: There was no answer, or none that can be read. The child is ended.
        """
        late, process = threading.Event(), self._process

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, stop)
        timer.daemon = True
        source, sink = process.stdout, process.stdin
        assert source is not None and sink is not None  # noqa: S101  # both are pipes
        try:
            timer.start()
            with contextlib.suppress(BrokenPipeError):
                for part in request:
                    sink.write(part)
                sink.flush()
            return read(cast("BinaryIO", source))
        except RefusedError:  # an answer, too
            raise
        except BaseException as error:  # what comes next would not belong to the next request
            self.end()
            if late.is_set():
                raise LateError(f"nothing within {seconds:.0f} seconds") from error
            if isinstance(error, ValueError):  # a pipe that was closed, or a line that says nothing
                raise NoChildError("no answer from a process that was ended") from error
            raise
        finally:
            timer.cancel()

    def died(self) -> NoChildError:
        """Why there is nothing more to read; waits, as long as `ask` does, for its end."""
        status = self._process.wait()
        return NoChildError(f"no answer from the process that read it (status {status})")


def refusal(line: bytes) -> RefusedError | None:
    """What a line says that refuses; None where it says something else."""
    verdict, _, rest = line.removesuffix(b"\n").decode(errors="replace").partition(" ")
    kind, _, came = rest.partition(" ")
    if verdict == "refused" and kind in get_args(Kind):
        return RefusedError(cast("Kind", kind), came)
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:  # waits for it, and closes the pipes
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None  # noqa: S101
                pipe.close()
