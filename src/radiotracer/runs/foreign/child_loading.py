"""Torch's files, opened in a process that has nothing: no network, no secrets, bounded resources.

The child is `child_program.py`, which says how it is confined. It gets the bytes through a pipe,
and gives tensors back as safetensors, which nothing can hide in. Its environment is empty but for
what the system's loader needs, it lies in a session of its own, and it is ended when it is late or
says too much. Where no child can be made the file is refused: it is never opened in this process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast, get_args

import safetensors
import torch

from radiotracer.runs.foreign.child_program import Kind, RefusedError, largest

PROGRAM = Path(__file__).with_name("child_program.py")

START_SECONDS = 60
"""Importing torch takes a second or two, and on a busy machine many times that."""

BYTES_PER_SECOND = 10 * 2**20
"""Slower loading is taken for one that never ends."""

_FOR_THE_LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_LONGEST_LINE = 4000
_HEADER_BYTES = 2**24
"""More than the names of any network's tensors take."""


class NoChildError(Exception):
    """The child could not be made, was ended, or died; the text says which."""


def load_in_child(
    content: bytes, *, program: Path = PROGRAM, start_seconds: float = START_SECONDS
) -> bytes:
    """The tensors of a file that ``torch.save`` wrote, as safetensors.

    Args:
        content: The file's bytes.
        program: What the child runs.
        start_seconds: How long the child may take beside what the size warrants.

    Raises:
        RefusedError: The child refused the bytes.
        NoChildError: There was none, or it gave no answer.
    """
    seconds = start_seconds + len(content) / BYTES_PER_SECOND
    child = _started(program, len(content), seconds)
    late = threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    with child:
        try:
            timer.start()
            line, body = _exchanged(child, content)
            child.wait()
        finally:
            timer.cancel()
            child.kill()
    if late.is_set():
        raise NoChildError(f"nothing within {seconds:.0f} seconds")
    if line == b"tensors\n":
        return body
    verdict, _, rest = line.removesuffix(b"\n").decode(errors="replace").partition(" ")
    kind, _, came = rest.partition(" ")
    if verdict == "refused" and kind in get_args(Kind):
        raise RefusedError(cast("Kind", kind), came)
    raise NoChildError(f"no answer from the process that read it (status {child.returncode})")


def _started(program: Path, size: int, seconds: float) -> subprocess.Popen[bytes]:
    # Isolated Python does not look into the user's own packages, where torch may lie.
    homes = dict.fromkeys(
        str(Path(each).parents[1]) for each in (torch.__file__, safetensors.__file__)
    )
    arguments = ["-I", str(program), str(size), str(int(seconds)), *homes]
    try:
        return subprocess.Popen(
            [sys.executable or "python", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _FOR_THE_LOADER if name in os.environ},
            cwd=program.anchor,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise NoChildError(f"no process to read it in ({type(error).__name__})") from error


def _exchanged(child: subprocess.Popen[bytes], content: bytes) -> tuple[bytes, bytes]:
    """The first line of the answer and the rest, neither longer than it may be."""
    assert child.stdin is not None and child.stdout is not None  # noqa: S101  # both are pipes
    with contextlib.suppress(BrokenPipeError):
        child.stdin.write(content)
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    line = child.stdout.readline(_LONGEST_LINE)
    most = largest(len(content)) + _HEADER_BYTES
    body = child.stdout.read(most + 1)
    if len(body) > most:
        child.kill()
        raise NoChildError("more tensors than the file can hold")
    return line, body
