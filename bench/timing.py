"""Seconds, and memory as Linux counts it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

MARK = Path("/proc/self/clear_refs")
"""Where this process can start its high-water mark anew."""


def seconds(job: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def cpu_seconds(job: Callable[[], object]) -> float:
    """How much of the processors a call takes: on a busy machine the steadier of the two."""
    started = time.process_time()
    job()
    return time.process_time() - started


def median_seconds(job: Callable[[], object], repeats: int) -> float:
    """The median of some calls, after one that does not count."""
    job()
    return statistics.median(seconds(job) for _ in range(repeats))


def high_water(pid: int | str = "self") -> int:
    """The most memory that a process had resident, in bytes; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(each.split()[1]) for each in lines if each.startswith("VmHWM")), 0)


def frugal() -> dict[str, str]:
    """An environment in which glibc gives freed memory back, so that a peak is what is in use."""
    return {**os.environ, "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_ARENA_MAX": "1"}
