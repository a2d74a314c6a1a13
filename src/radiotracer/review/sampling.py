"""A random sample of the examples, and what it says about those that were never looked at."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError
from radiotracer.review.decisions import Verb
from radiotracer.stats import clopper_pearson

SIZE = 500
"""Examples in a sample, unless another number is asked for."""

ENOUGH = 50
"""Reviewed examples below which no estimate is given: its interval would say nothing."""

CONFIDENCE = 0.95


def draw(n: int, *, size: int, seed: int) -> NDArray[np.int64]:
    """Rows of a simple random sample without replacement, in random order, shape (size,).

    A larger sample with the same seed begins with the smaller one.

    Raises:
        InputError: A size outside 1 to n, or a seed below 0.
    """
    if not 1 <= size <= n:
        raise InputError(
            expected=f"a sample of 1 to {n:,} examples", came=str(size), do="choose another size"
        )
    if not 0 <= seed < 2**63:
        raise InputError(expected="a seed of at least 0", came=str(seed), do="pass, say, 0")
    return np.random.default_rng(seed).permutation(n)[:size]


@dataclass(frozen=True)
class Estimate:
    """How many of the examples that are not flagged are wrong, by the random sample.

    Args:
        reviewed: Members of the sample that are not flagged and count here: in the order of
            drawing, up to the first one that is not decided. Such a part of a random order is a
            random sample itself, whatever else was looked at.
        wrong: Of these, relabelled or dropped.
        unsure: Of these, left open: fine for the lower bound, wrong for the upper one.
        population: Examples that are not flagged.
        found: Of these, relabelled or dropped so far, in the sample or not.
        rate: Wrong ones among the reviewed; None while fewer than `ENOUGH` are reviewed.
        low: Lower end of the interval of Clopper and Pearson for that rate, at 95 %.
        high: Upper end.
    """

    reviewed: int
    wrong: int
    unsure: int
    population: int
    found: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def left(self) -> tuple[int, int, int] | None:
        """Wrong examples that are not found yet: (estimate, low, high); None without a rate."""
        if self.rate is None or self.low is None or self.high is None:
            return None
        counts = (
            round(self.rate * self.population),
            math.floor(self.low * self.population),
            math.ceil(self.high * self.population),
        )
        estimated, low, high = (max(0, count - self.found) for count in counts)
        return estimated, low, high


def estimate(
    sample: Sequence[int], verbs: Sequence[Verb | None], is_flagged: NDArray[np.bool_]
) -> Estimate:
    """Estimate what is left among the examples that are not flagged.

    Args:
        sample: Rows of the sample, in the order of drawing.
        verbs: What is decided about each example, length n.
        is_flagged: Shape (n,).
    """
    reviewed = wrong = unsure = 0
    for row in sample:
        verb = verbs[row]
        if verb is None:
            break
        if not is_flagged[row]:
            reviewed += 1
            wrong += verb in ("relabel", "drop")
            unsure += verb == "unsure"
    found = sum(
        verb in ("relabel", "drop") and not flagged
        for verb, flagged in zip(verbs, is_flagged.tolist(), strict=True)
    )
    counted = Estimate(reviewed, wrong, unsure, int((~is_flagged).sum()), found)
    if reviewed < ENOUGH:
        return counted
    low, _ = clopper_pearson(wrong, reviewed, confidence=CONFIDENCE)
    _, high = clopper_pearson(wrong + unsure, reviewed, confidence=CONFIDENCE)
    return dataclasses.replace(counted, rate=wrong / reviewed, low=low, high=high)
