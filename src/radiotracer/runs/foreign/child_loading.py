"""Torch's files, opened in a process that has nothing: no network, no secrets, bounded resources.

The child is `child_torch.py`. It gets the bytes through a pipe, and gives tensors back as
safetensors, which nothing can hide in. It is ended when it is late or says too much. Where no child
can be made the file is refused: it is never opened in this process.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import safetensors
import torch

from radiotracer.runs.foreign.child_process import Child, NoChildError, refusal
from radiotracer.runs.foreign.child_torch import largest

PROGRAM = Path(__file__).with_name("child_torch.py")

START_SECONDS = 60
"""Importing torch takes a second or two, and on a busy machine many times that."""

BYTES_PER_SECOND = 10 * 2**20
"""Slower loading is taken for one that never ends."""

_LONGEST_LINE = 4000
_HEADER_BYTES = 2**24
"""More than the names of any network's tensors take."""


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
    child = Child(program, [len(content), int(seconds)], [torch, safetensors])
    most = largest(len(content)) + _HEADER_BYTES

    def read(source: BinaryIO) -> bytes:
        line = source.readline(_LONGEST_LINE)
        refused = refusal(line)
        if refused is not None:
            raise refused
        body = source.read(most + 1)
        if len(body) > most:
            raise NoChildError("more tensors than the file can hold")
        if line != b"tensors\n":
            raise child.died()
        return body

    try:
        return child.ask([content], read, seconds)
    finally:
        child.end()
