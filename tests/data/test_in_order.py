"""Work in threads: results in order, few pixels at once, and an end whoever stops."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from radiotracer.data.in_order import AT_ONCE, Hold, in_order


@pytest.fixture(autouse=True)
def eight_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)


class Held:
    """Counts what is held by all threads."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.now: list[int] = []
        self.most: list[list[int]] = []

    def work(self, pixels: int, hold: Hold) -> Iterator[int]:
        with hold(pixels):
            with self.guard:
                self.now.append(pixels)
                self.most.append(list(self.now))
            time.sleep(0.002)
            with self.guard:
                self.now.remove(pixels)
        yield pixels


def test_no_more_pixels_are_held_than_there_is_room_for() -> None:
    generator = np.random.default_rng(0)
    tasks = [*generator.integers(1, AT_ONCE // 2, 60).tolist(), 3 * AT_ONCE, 5, 2 * AT_ONCE]
    held = Held()
    assert list(in_order(held.work, tasks, lambda _: 0)) == tasks
    for together in held.most:
        # The task whose results are taken next never waits: one may come on top.
        assert sum(sorted(together)[:-1]) <= AT_ONCE
    assert max(map(len, held.most)) > 1


def test_results_that_wait_are_counted() -> None:
    made: list[int] = []
    taken = 0

    def work(task: int, hold: Hold) -> Iterator[int]:
        for each in range(4):
            made.append(each)
            yield task * 4 + each

    for result in in_order(work, range(10), lambda _: AT_ONCE // 3):
        assert result == taken
        taken += 1
        time.sleep(0.002)
        assert len(made) <= taken + 3 + 1 + 8, "those that wait, and one per thread under way"
    assert taken == 40


def test_a_failure_comes_in_its_turn_and_ends_all() -> None:
    def work(task: int, hold: Hold) -> Iterator[int]:
        yield task
        if task == 3:
            raise ValueError("three")

    found: list[int] = []
    with pytest.raises(ValueError, match="three"):
        found.extend(in_order(work, range(50), lambda _: AT_ONCE))
    before = threading.active_count()
    results = in_order(work, range(50), lambda _: AT_ONCE)
    assert [next(results), next(results)] == [0, 1]
    results.close()
    assert threading.active_count() <= before
