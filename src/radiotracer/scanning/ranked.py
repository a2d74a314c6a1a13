"""What every detector says of every example, from the sums that it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass

import numpy as np

from radiotracer.detectors import Detector, Ranking, Trace
from radiotracer.errors import InputError, NotFiniteError

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many examples are done, and how many there are."""


@dataclass(frozen=True)
class Rankings:
    """What every detector says of every example.

    Args:
        by_name: By detector name; row ``i`` is training example ``i``.
        seconds: By detector name: the passes that it read and its own arithmetic. A pass that
            several detectors share counts for each of them.
        units: The names of all units that the scan consisted of; none where it was not divided.
    """

    by_name: Mapping[str, Ranking]
    seconds: Mapping[str, float]
    units: tuple[str, ...] = ()


def rank_each(
    detectors: Iterable[Detector],
    trace_of: Callable[[Detector], Trace],
    seconds: MutableMapping[str, float],
    done: Callable[[], None] = lambda: None,
) -> dict[str, Ranking]:
    """Let every detector rank what it observed.

    Args:
        detectors: All of them can run.
        trace_of: What a detector is given.
        seconds: By detector name; what it takes here is added, to 0 where there is nothing.
        done: Called after each.

    Raises:
        InputError: A detector gives other than one score per example.
        NotFiniteError: A score is NaN or infinite.
    """
    by_name: dict[str, Ranking] = {}
    for detector in detectors:
        started = time.perf_counter()
        trace = trace_of(detector)
        ranking = detector.rank(trace)
        seconds[detector.name] = seconds.get(detector.name, 0.0) + time.perf_counter() - started
        _require_scores(detector, ranking, len(trace.labels))
        by_name[detector.name] = ranking
        done()
    return by_name


def _require_scores(detector: Detector, ranking: Ranking, n: int) -> None:
    if np.shape(ranking.scores) != (n,):
        raise InputError(
            expected=f"{n} scores from rank of {detector.name}",
            came=f"shape {np.shape(ranking.scores)}",
            do="let it return one score per example",
        )
    if not np.isfinite(ranking.scores).all():
        raise NotFiniteError(
            expected=f"finite scores from {detector.name}",
            came=f"{int((~np.isfinite(ranking.scores)).sum())} NaN or infinite",
            do="check the losses, or leave the detector out",
        )
