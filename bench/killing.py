"""Commands that are killed at random moments, and what that leaves: nothing wrong, nothing lost.

    table = [kill_again_and_again(command, start, folder, kills=50, seed=0) for command in ...]

A command is started, killed and started again until it is complete; then from the beginning. After
every kill all that lies there is held against the digests that vouch for it, and what was finished
against what was finished before. What comes out is held against the same command, uninterrupted.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from radiotracer.digested import undigested
from radiotracer.files import sha256_file
from radiotracer.runs import RunInfo
from radiotracer.runs.texts import parsed_digested
from radiotracer.scale import FolderLedger
from radiotracer.scale.keeping import LOCK

OUT = "out"
TIMES = {"created", "seconds"}
"""What differs from one run to the next, by name."""


class Process(Protocol):
    """A command in a process of its own, as `subprocess.Popen` has it."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status; None while it lives."""

    def kill(self) -> None:
        """End it at once; it is not asked."""

    def wait(self) -> int:
        """Its exit status, when it has ended."""


Start = Callable[[list[str], Path], Process]
"""Starts ``radiotracer`` with these arguments in this working folder."""


@dataclass(frozen=True)
class Command:
    """A long command.

    Args:
        name: For tables.
        arguments: Without ``--out``; paths are absolute.
        kept: What the hidden folder beside OUT ends with.
        marker: A file of OUT that is there at the end.
    """

    name: str
    arguments: tuple[str, ...]
    kept: str
    marker: str

    def hidden(self, home: Path) -> Path:
        """The folder of finished units."""
        return home / f".{OUT}.{self.kept}"

    def is_complete(self, home: Path) -> bool:
        """Whether OUT is all that it will be."""
        info = _described(home)
        return info.status == "complete" if info else (home / OUT / self.marker).is_file()


@dataclass(frozen=True)
class Tally:
    """What came of it.

    Args:
        name: Of the command.
        kills: How often it was killed.
        rounds: How often it began from nothing.
        corrupt: Files that were not what vouches for them says, after a kill.
        lost: Units that were finished at an earlier kill, and not at a later one.
        different: Files that differ from those of an uninterrupted command, times apart.
    """

    name: str
    kills: int
    rounds: int
    corrupt: int
    lost: int
    different: int


def kill_again_and_again(
    command: Command, start: Start, folder: Path, *, kills: int, seed: int
) -> Tally:
    """Kill a command so many times, at moments that follow from the seed.

    Args:
        command: What to run.
        start: How.
        folder: An empty one to work in.
        kills: At least so many.
        seed: Of the moments.

    Raises:
        RuntimeError: The command ended with an error.
    """
    draws = random.Random(seed)  # noqa: S311
    arguments = [*command.arguments, "--out", OUT]
    whole = folder / "whole"
    whole.mkdir()
    seconds = _uninterrupted(command, start(arguments, whole), whole)
    wanted = content(whole / OUT)
    done = rounds = corrupt = lost = different = 0
    while done < kills:
        rounds += 1
        home = folder / f"round-{rounds}"
        home.mkdir()
        finished: set[str] = set()
        while not command.is_complete(home):
            process = start(arguments, home)
            if done < kills and _killed(command, process, home, draws, seconds):
                done += 1
                corrupt += damaged(command, home)
                if not command.is_complete(home):
                    now = units(command, home)
                    lost += len(finished - now)
                    finished = now
            elif process.wait() not in (0, 1):  # 1 is that of a scan that flags something
                raise RuntimeError(f"{command.name} in {home} ended with {process.wait()}")
        came = content(home / OUT)
        different += sum(came.get(name) != wanted.get(name) for name in {*came, *wanted})
    return Tally(command.name, done, rounds, corrupt, lost, different)


def content(folder: Path) -> dict[str, Any]:
    """Every file below a folder by name: bytes, but JSON without times, and pages without numbers.

    Pages show seconds among their numbers; what else they show is in the tables.
    """
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name, held = str(path.relative_to(folder)), path.read_bytes()
            if path.suffix == ".json":
                found[name] = _timeless(undigested(held)[0])
            elif path.suffix == ".html":
                found[name] = re.sub(rb"[\d.,]+", b"#", held)
            else:
                found[name] = held
    return found


def damaged(command: Command, home: Path) -> int:
    """How many files are not what they are said to be; half-written ones have other names."""
    ledger = FolderLedger(command.hidden(home))
    count = sum(ledger.state(unit) == "damaged" for unit in ledger.units())
    info = _described(home)
    if info is not None:
        files = [info.initial, *info.checkpoints]
        return count + sum(
            sha256_file(home / OUT / each.file) != each.sha256 for each in files if each
        )
    # Anything but a recording appears whole.
    whole = command.kept == "training" or not (home / OUT).exists() or command.is_complete(home)
    return count + (not whole)


def units(command: Command, home: Path) -> set[str]:
    """What is finished; of a training the steps of the newest state and all of before."""
    ledger = FolderLedger(command.hidden(home))
    sound = {unit for unit in ledger.units() if ledger.state(unit) == "finished"}
    info = _described(home)
    if info is None:
        return sound
    last = max((int(unit.removeprefix("step-")) for unit in sound), default=0)
    return {str(each.step) for each in info.checkpoints if each.step <= last}


def _uninterrupted(command: Command, process: Process, home: Path) -> tuple[float, float]:
    """Seconds until the work began, and until the command ended."""
    start = time.monotonic()
    _until_begun(command, process, home)
    began = time.monotonic() - start
    if process.wait() not in (0, 1):
        raise RuntimeError(f"{command.name} ended with {process.wait()}")
    return began, time.monotonic() - start


def _killed(
    command: Command,
    process: Process,
    home: Path,
    draws: random.Random,
    seconds: tuple[float, float],
) -> bool:
    """Whether it lived until its moment: one in five is any, the others are while it works."""
    began, ended = seconds
    if draws.random() < 0.2:
        moment = draws.uniform(0, began)
    else:
        _until_begun(command, process, home)
        moment = draws.uniform(0, ended - began)
    end = time.monotonic() + moment
    while process.poll() is None and time.monotonic() < end:
        time.sleep(min(0.01, max(0.0, end - time.monotonic())))
    if process.poll() is not None:
        return False
    process.kill()
    return process.wait() < 0


def _until_begun(command: Command, process: Process, home: Path) -> None:
    """Until it has noted that its units are in use by it, or ended."""
    note, lock = f"process {process.pid}", command.hidden(home) / LOCK
    while process.poll() is None:
        if lock.is_file() and lock.read_text() == note:
            return
        time.sleep(0.002)


def _described(home: Path) -> RunInfo | None:
    file = home / OUT / "run.json"
    return parsed_digested(RunInfo, file.read_bytes()) if file.is_file() else None


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(each) for name, each in value.items() if name not in TIMES}
    return [_timeless(each) for each in value] if isinstance(value, list) else value
