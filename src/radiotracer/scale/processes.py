"""Workers in processes of their own on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from radiotracer.errors import WorkerError
from radiotracer.scale.ledger import Ledger, require_shared
from radiotracer.scale.runner import Do, Note, Stages, Tell, Work

DEATHS = 3
"""How often workers may die without a unit finished in between."""


@dataclass(frozen=True)
class Processes:
    """Single-threaded workers in new processes; a dead one is replaced, and its unit done again.

    Args:
        workers: How many, at least 1. Each opens the data and the network for itself.
    """

    workers: int

    def run(self, work: Work, stages: Stages, ledger: Ledger, tell: Tell, note: Note) -> None:
        """Do every unit.

        Raises:
            InputError: What a unit raised.
            WorkerError: Workers died again and again.
        """
        require_shared(ledger)
        left = [list(stage) for stage in stages if stage]
        deaths = 0
        while left:
            finished = self._until_death(work, left, ledger, tell)
            left = [[unit for unit in stage if unit not in finished] for stage in left]
            left = [stage for stage in left if stage]
            if not left:
                return
            deaths = 0 if finished else deaths + 1
            count = sum(len(stage) for stage in left)
            if deaths == DEATHS:
                raise WorkerError(
                    expected=f"a worker that finishes {left[0][0]} or one of {count} other units",
                    came=f"{deaths} times one that died without a word",
                    do="look for a lack of memory (fewer workers=, a smaller batch_size=), then "
                    "repeat the command: finished units are kept",
                )
            note(f"a worker died: others go on with the {count} units that are left")

    def _until_death(self, work: Work, stages: Stages, ledger: Ledger, tell: Tell) -> set[str]:
        """Do units until all are done or a worker dies; those that are finished."""
        finished: set[str] = set()
        # Spawned, not forked: torch's threads do not survive a fork.
        pool = ProcessPoolExecutor(
            min(self.workers, max(len(stage) for stage in stages)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(work, ledger),
        )
        try:
            for stage in stages:
                waiting: dict[Future[None], str] = {pool.submit(_do, unit): unit for unit in stage}
                for future in as_completed(waiting):
                    future.result()
                    finished.add(waiting[future])
                    tell(waiting[future])
        except BrokenProcessPool:
            pass
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.kill()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return finished


@dataclass
class _Worker:
    """What a worker process holds; one work per process."""

    work: Work | None = None
    ledger: Ledger | None = None
    do: Do | None = None


_WORKER = _Worker()


def _begin(work: Work, ledger: Ledger) -> None:
    """In a new worker. What cannot be opened is raised by its first unit, in words."""
    import torch

    torch.set_num_threads(1)
    # An interrupt reaches every process of a terminal; the parent alone decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _WORKER.work, _WORKER.ledger, _WORKER.do = work, ledger, None


def _do(unit: str) -> None:
    assert _WORKER.work is not None and _WORKER.ledger is not None  # noqa: S101
    if _WORKER.do is None:
        _WORKER.do = _WORKER.work.begin(_WORKER.ledger)
    _WORKER.ledger.write(unit, _WORKER.do(unit))


def _die_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
