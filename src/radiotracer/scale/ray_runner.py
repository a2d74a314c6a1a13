"""Workers that Ray starts, on one machine or on several."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiotracer.errors import InputError, WorkerError
from radiotracer.scale.ledger import Ledger, require_shared
from radiotracer.scale.processes import DEATHS
from radiotracer.scale.ray_session import LOCAL, ray_session
from radiotracer.scale.runner import Do, Note, Stages, Tell, Work

VISIBLE_S = 15.0
"""How long a file that a worker wrote may take to be seen here: shared folders keep listings."""

STARTING = ""
"""What a worker dies of that has no unit yet."""


@dataclass(frozen=True)
class RayRunner:
    """Single-threaded actors of one CPU each; a dead one is replaced, and its unit done again.

    Nothing but Ray's own connection is needed between the machines: results go through the ledger,
    which every worker has to reach.

    Args:
        workers: How many; None is one for each CPU that Ray has.
        address: ``host:port`` of a cluster, to which this machine belongs; ``auto`` for the one
            that runs here; ``local`` starts Ray on this machine, and ends it. Where this process is
            connected to Ray already, that connection is used, and left as it was.
        start_s: How long the first worker may take to start, in seconds.
    """

    workers: int | None = None
    address: str = LOCAL
    start_s: float = 120.0

    def run(self, work: Work, stages: Stages, ledger: Ledger, tell: Tell, note: Note) -> None:
        """Do every unit.

        Raises:
            InputError: What a unit raised; Ray is missing or cannot be reached; the ledger cannot
                be reached by other processes.
            WorkerError: Workers died again and again, or none could start.
        """
        require_shared(ledger)
        if not any(stages):
            return
        size = max(len(stage) for stage in stages)
        with (
            ray_session(self.address, self.workers),
            _Crew(self, work, ledger, size, note) as crew,
        ):
            for stage in stages:
                crew.finish(stage, tell)


class _Crew:
    """The actors of one call; each has one unit at a time.

    Args:
        runner: Whose they are.
        work: What they do.
        ledger: Where they write.
        size: How many there can be work for at once.
        note: Told of those that died.
    """

    def __init__(
        self, runner: RayRunner, work: Work, ledger: Ledger, size: int, note: Note
    ) -> None:
        # Untyped: what ray says of its own types does not hold for actors.
        self.ray = ray = _ray()
        self.runner = runner
        self.ledger = ledger
        self.note = note
        self.left: deque[str] = deque()
        self.actors: list[Any] = []
        self.idle: list[Any] = []
        self.deaths: Counter[str] = Counter()
        # By value only what cannot be imported, such as functions of a script.
        self.told = ray.put(ray.cloudpickle.dumps((work, ledger)))
        self.remote = ray.remote(num_cpus=1)(_Actor)
        self.waiting: dict[Any, tuple[Any, str | None]] = {}
        self.checked: set[Any] = set()
        wanted = runner.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        self.size = min(wanted, size)

    def __enter__(self) -> _Crew:
        for _ in range(self.size):
            self._hire()
        return self

    def __exit__(self, *error: object) -> None:
        # Also the one whose unit raised: it would hold its CPU until the error is forgotten.
        for actor in self.actors:
            self.ray.kill(actor)

    def finish(self, units: Sequence[str], tell: Tell) -> None:
        """Give units to whoever has none, until all are done."""
        self.left.extend(units)
        while self.left and self.idle:
            self._give(self.idle.pop())
        while self.left or self._busy():
            reference, (actor, unit) = self._next()
            try:
                came = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:
                cause = getattr(error, "cause", None)
                raise cause if isinstance(cause, Exception) else error from error
            except self.ray.exceptions.RayError as error:
                self._bury(actor, unit, error)
                continue
            if isinstance(came, Exception):
                raise came
            if unit is None:
                self.deaths[STARTING] = 0
            else:
                self._require_visible(actor, unit)
                tell(unit)
            if self.left:
                self._give(actor)
            else:
                self.idle.append(actor)

    def _give(self, actor: Any) -> None:
        unit = self.left.popleft()
        self.waiting[actor.do.remote(unit)] = (actor, unit)

    def _hire(self) -> None:
        """Ask for an actor. It gets a unit when it is there, which may never be: CPUs are few."""
        actor = self.remote.remote([self.told], list(sys.path), str(Path.cwd()))
        self.actors.append(actor)
        self.waiting[actor.ready.remote()] = (actor, None)

    def _busy(self) -> bool:
        return any(unit is not None for _, unit in self.waiting.values())

    def _next(self) -> tuple[Any, tuple[Any, str | None]]:
        """Whoever has an answer; nobody is waited for forever who never started."""
        patience = None if self._busy() else self.runner.start_s
        done, _ = self.ray.wait(list(self.waiting), num_returns=1, timeout=patience)
        if done:
            return done[0], self.waiting.pop(done[0])
        raise WorkerError(
            expected=f"one worker or more that starts within {self.runner.start_s:.0f} seconds",
            came=f"none; Ray has {self.ray.available_resources().get('CPU', 0):.0f} free CPUs",
            do="look at `ray status`, then repeat the command: finished units are kept",
        )

    def _bury(self, actor: Any, unit: str | None, error: Exception) -> None:
        """Have a dead worker's unit done by another."""
        self.ray.kill(actor)  # it may be alive, and merely out of reach
        self.actors.remove(actor)
        name = unit or STARTING
        self.deaths[name] += 1
        if self.deaths[name] == DEATHS * (1 if unit else self.size):
            raise WorkerError(
                expected="workers that start" if unit is None else f"a worker that finishes {unit}",
                came=f"{self.deaths[name]} that died: {str(error).strip().splitlines()[0]}",
                do="look for a lack of memory (a smaller batch_size=), then repeat the command: "
                "finished units are kept",
            ) from error
        if unit is not None:
            self.note(f"a worker died at {unit}: another does it")
            self.left.appendleft(unit)
        self._hire()

    def _require_visible(self, actor: Any, unit: str) -> None:
        """A folder of the same name on another machine is another folder: look once for each."""
        if actor in self.checked:
            return
        self.checked.add(actor)
        until = time.monotonic() + VISIBLE_S
        while self.ledger.state(unit) != "finished":
            if time.monotonic() > until:
                raise InputError(
                    expected="finished units in a place that every worker reaches",
                    came=f"{unit}, which a worker finished, and which is not seen here",
                    do="keep the units in a shared folder or at a URL, units=s3://bucket/scan",
                )
            time.sleep(0.2)


class _Actor:
    """In a worker, wherever Ray started it."""

    def __init__(self, told: list[Any], paths: list[str], folder: str) -> None:
        import torch

        torch.set_num_threads(1)
        # As in processes of the standard library: what is imported or named here is found there.
        sys.path += [each for each in paths if each not in sys.path]
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self.told = told
        self.opened: tuple[Ledger, Do] | None = None

    def ready(self) -> None:
        """It is there."""

    def do(self, unit: str) -> Exception | None:
        """Do a unit. What it raised on purpose is returned: Ray would wrap what is raised."""
        try:
            if self.opened is None:
                self.opened = _opened(self.told)
            ledger, do = self.opened
            ledger.write(unit, do(unit))
        except InputError as error:
            return error
        return None


def _opened(told: list[Any]) -> tuple[Ledger, Do]:
    work, ledger = pickle.loads(_ray().get(told[0]))  # noqa: S301 - sent by whoever started this
    return ledger, work.begin(ledger)


def _ray() -> Any:
    return importlib.import_module("ray")
