"""Work in threads, its results in order, and never more of it at once than memory is meant for."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Generic, TypeVar

AT_ONCE = 1 << 25
"""Pixels that are decoded, or wait to be taken, at once; one image alone may have more."""

FEW = 1 << 16
"""Pixels that are not counted."""

AHEAD = 3
"""Tasks per thread that are begun before their results are taken."""

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class StoppedError(Exception):
    """Nobody takes results any more."""


class Gate:
    """Counts pixels; lets a task wait while others hold too many.

    The task whose results are taken next may go on whenever none of them waits: so it always ends.
    """

    def __init__(self, most: int = AT_ONCE) -> None:
        self._most = most
        self._used = 0
        self._next = 0
        self._waiting: dict[int, int] = {}
        self._stopped = False
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def held(self, task: int, pixels: int) -> Iterator[None]:
        """Hold so many pixels for a while."""
        self._take(task, pixels)
        try:
            yield
        finally:
            self._give(pixels)

    def put(self, task: int, pixels: int) -> None:
        """A result of so many pixels waits to be taken from now on."""
        if pixels > FEW:
            self._take(task, pixels)
            with self._changed:
                self._waiting[task] = self._waiting.get(task, 0) + 1

    def taken(self, task: int, pixels: int) -> None:
        """It was taken."""
        if pixels > FEW:
            with self._changed:
                self._waiting[task] -= 1
            self._give(pixels)

    def done(self, task: int) -> None:
        """All results of a task were taken."""
        with self._changed:
            self._next = task + 1
            self._waiting.pop(task, None)
            self._changed.notify_all()

    def stop(self) -> None:
        """Nobody takes results any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _take(self, task: int, pixels: int) -> None:
        def may() -> bool:
            alone = task == self._next and not self._waiting.get(task)
            return self._stopped or alone or self._used + pixels <= self._most

        with self._changed:
            self._changed.wait_for(may)
            if self._stopped:
                raise StoppedError
            self._used += pixels

    def _give(self, pixels: int) -> None:
        with self._changed:
            self._used -= pixels
            self._changed.notify_all()


Hold = Callable[[int], contextlib.AbstractContextManager[None]]
"""Called with a number of pixels before they are decoded; they are held within."""

_NOTHING = contextlib.nullcontext()


def unbounded(pixels: int) -> contextlib.AbstractContextManager[None]:
    """A `Hold` that never waits."""
    return _NOTHING


class _End(Generic[_Result]):
    """The last of a task's results, or how it failed."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def in_order(
    work: Callable[[_Task, Hold], Iterator[_Result]],
    tasks: Sequence[_Task],
    size: Callable[[_Result], int],
) -> Generator[_Result]:
    """The results of every task, one after the other, of a few ahead of whoever takes them.

    Pillow decodes without the interpreter's lock.

    Args:
        work: Yields the results of a task, one at a time; told how pixels are held.
        tasks: What there is to do.
        size: The pixels of a result.
    """
    gate = Gate()

    def run(task: int, out: SimpleQueue[_Result | _End[_Result]]) -> None:
        def hold(pixels: int) -> contextlib.AbstractContextManager[None]:
            return gate.held(task, pixels) if pixels > FEW else _NOTHING

        try:
            for each in work(tasks[task], hold):
                gate.put(task, size(each))
                out.put(each)
            out.put(_End())
        except BaseException as error:
            out.put(_End(error))

    threads = min(8, os.cpu_count() or 1)
    running: deque[SimpleQueue[_Result | _End[_Result]]] = deque()
    with ThreadPoolExecutor(max_workers=threads) as pool:
        try:
            begun = 0
            for task in range(len(tasks)):
                while begun < len(tasks) and len(running) < AHEAD * threads:
                    running.append(SimpleQueue())
                    pool.submit(run, begun, running[-1])
                    begun += 1
                out = running.popleft()
                while not isinstance(each := out.get(), _End):
                    gate.taken(task, size(each))
                    yield each
                if each.error is not None:
                    raise each.error
                gate.done(task)
        finally:
            gate.stop()
            pool.shutdown(wait=True, cancel_futures=True)
