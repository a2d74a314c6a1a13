"""One target, fuzzed in this process until its time is over: by atheris, or blindly without it.

The process may die of what it is given. So each input is put into a file before it is tried, beside
how many there were; whoever started the process reads it there.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import mmap
import os
import random
import resource
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from target import Prepared, Target

_COUNTS = struct.Struct("<QQQ")
_ROOM = _COUNTS.size + (1 << 17)
_ADDRESSES = 12 << 30
"""Bytes of memory that may be asked for: a machine does not stand still because of one input."""


class Journal:
    """How many inputs were tried and taken, and the last one; readable when the process is dead.

    Args:
        path: A file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_ROOM))
        with path.open("r+b") as stream:
            self._memory = mmap.mmap(stream.fileno(), _ROOM)
        self.executions, self.taken, self._size = _COUNTS.unpack_from(self._memory)

    def begin(self, content: bytes) -> None:
        """Note an input that is about to be tried."""
        self.executions += 1
        self._size = min(len(content), _ROOM - _COUNTS.size)
        _COUNTS.pack_into(self._memory, 0, self.executions, self.taken, self._size)
        self._memory[_COUNTS.size : _COUNTS.size + self._size] = content[: self._size]

    @property
    def last(self) -> bytes:
        """The input that was noted last."""
        return bytes(self._memory[_COUNTS.size : _COUNTS.size + self._size])


def fuzz(name: str, folder: Path, seconds: int, seed: int, crashes: Path) -> None:
    """Fuzz one target; does not return before its time is over, and with atheris not at all.

    Args:
        name: The target's.
        folder: Empty; in memory, if possible. Its file ``journal`` says what was tried.
        seconds: Of wall-clock time, beginning when the target is ready.
        seed: Of all random choices, as far as the engine lets them follow from it.
        crashes: Where inputs are kept that crashed the parser, the smallest of each kind.
    """
    atheris = importlib.import_module("atheris") if has_atheris() else None
    if atheris is None:
        from all_targets import TARGETS
    else:
        with atheris.instrument_imports(include=["radiotracer", "zipfile", "pickletools"]):
            from all_targets import TARGETS
    target: Target = TARGETS[name]
    (folder / "work").mkdir()
    prepared = target.prepare(folder / "work")
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    one = _trial(target, prepared, Journal(folder / "journal"), crashes)
    if atheris is None:
        _blindly(one, prepared.seeds, seconds, seed)
    else:
        _by_coverage(atheris, one, prepared.seeds, folder / "corpus", seconds, seed)


def has_atheris() -> bool:
    """Whether inputs are chosen by what they make the code do."""
    return importlib.util.find_spec("atheris") is not None


def _trial(
    target: Target, prepared: Prepared, journal: Journal, crashes: Path
) -> Callable[[bytes], None]:
    from target import Crash, outcome

    smallest: dict[str, int] = {}

    def one(content: bytes) -> None:
        journal.begin(content)
        found = outcome(prepared.parse, content)
        if not isinstance(found, Crash):
            journal.taken += found
        elif len(content) < smallest.get(found.name, sys.maxsize):
            smallest[found.name] = len(content)
            folder = crashes / target.name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / found.name).write_bytes(content)
            about = {"what": found.what, "where": found.where, "trace": found.trace}
            (folder / f"{found.name}.json").write_text(json.dumps(about, indent=2))

    return one


def _blindly(
    one: Callable[[bytes], None], seeds: tuple[bytes, ...], seconds: int, seed: int
) -> None:
    from mutations import mutated

    rng, end = random.Random(seed), time.monotonic() + seconds  # noqa: S311 - no secrets
    for content in seeds:
        one(content)
    while time.monotonic() < end:
        content = mutated(rng.choice(seeds), seeds, rng)
        while rng.random() < 0.3:
            content = mutated(content, seeds, rng)
        one(content)


def _by_coverage(
    atheris: object,
    one: Callable[[bytes], None],
    seeds: tuple[bytes, ...],
    corpus: Path,
    seconds: int,
    seed: int,
) -> None:
    from mutations import LONGEST, mutated

    corpus.mkdir()
    for number, content in enumerate(seeds):
        (corpus / str(number)).write_bytes(content)

    def change(content: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)  # noqa: S311 - no secrets
        if rng.random() < 0.4:
            return bytes(atheris.Mutate(content, most))  # type: ignore[attr-defined]
        return mutated(content, seeds, rng)[:most]

    end = time.monotonic() + seconds

    def until_the_end(content: bytes) -> None:
        one(content)
        if time.monotonic() > end:
            # The engine's own end waits for the threads of libraries, some of them for ever.
            os._exit(0)

    # Time and memory are measured by `outcome`; to the engine 0 seconds are no seconds.
    options = {"max_total_time": seconds + 60, "seed": seed, "max_len": LONGEST, "timeout": 3600}
    quiet = {"rss_limit_mb": 0, "verbosity": 0, "print_final_stats": 0, "close_fd_mask": 0}
    arguments = [f"-{option}={value}" for option, value in (options | quiet).items()]
    atheris.Setup(["fuzz", *arguments, str(corpus)], until_the_end, custom_mutator=change)  # type: ignore[attr-defined]
    atheris.Fuzz()  # type: ignore[attr-defined]
