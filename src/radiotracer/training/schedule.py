"""Learning rates of the reference loop, as shares of their peak."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

Schedule = Literal["rise-and-fall", "constant"]


def share_of_peak(schedule: Schedule, steps: int) -> Callable[[int], float]:
    """The share of the peak at a step, counted from 0, of a training of so many steps."""
    if schedule == "constant":
        return _constant
    return functools.partial(_rise_and_fall, steps=steps)


def _rise_and_fall(step: int, steps: int) -> float:
    """Up over the first 15 %, then down to 2 %."""
    warm = max(1.0, 0.15 * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return max(0.02, 1 - (step - warm) / max(1.0, steps - warm))


def _constant(_: int) -> float:
    return 1.0
