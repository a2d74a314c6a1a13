"""What a random sample says about those that nobody looked at."""

from __future__ import annotations

import numpy as np
import pytest

from radiotracer.errors import InputError
from radiotracer.review.decisions import Verb
from radiotracer.review.sampling import ENOUGH, draw, estimate
from radiotracer.stats import clopper_pearson


def test_a_longer_sample_begins_with_the_shorter() -> None:
    assert draw(1000, size=50, seed=3).tolist() == draw(1000, size=200, seed=3)[:50].tolist()
    assert len(set(draw(1000, size=1000, seed=0).tolist())) == 1000
    for size, seed in ((0, 0), (1001, 0), (5, -1)):
        with pytest.raises(InputError):
            draw(1000, size=size, seed=seed)


def verbs_of(n: int, decided: dict[int, Verb]) -> list[Verb | None]:
    return [decided.get(row) for row in range(n)]


def test_too_few_are_no_estimate() -> None:
    sample = list(range(ENOUGH))
    decided: dict[int, Verb] = dict.fromkeys(range(ENOUGH - 1), "keep")
    found = estimate(sample, verbs_of(200, decided), np.zeros(200, dtype=bool))
    assert (found.reviewed, found.rate, found.left) == (ENOUGH - 1, None, None)


def test_the_interval() -> None:
    flagged = np.zeros(1000, dtype=bool)
    flagged[:20] = True
    decided: dict[int, Verb] = dict.fromkeys(range(120), "keep")
    decided |= {0: "drop", 25: "drop", 30: "relabel", 40: "unsure", 900: "drop"}
    found = estimate(list(range(120)), verbs_of(1000, decided), flagged)
    assert (found.reviewed, found.wrong, found.unsure, found.population) == (100, 2, 1, 980)
    assert found.low == clopper_pearson(2, 100)[0]
    assert found.high == clopper_pearson(3, 100)[1]
    assert found.found == 3
    assert found.left == (
        round(0.02 * 980) - 3,
        max(0, int(found.low * 980) - 3),
        int(np.ceil(found.high * 980)) - 3,
    )


def test_what_lies_behind_a_gap_does_not_count() -> None:
    """Else those that were looked at because they are suspicious would pass for random ones."""
    decided: dict[int, Verb] = dict.fromkeys(range(200), "keep")
    decided |= dict.fromkeys(range(100, 200), "drop")
    del decided[80]
    found = estimate(list(range(200)), verbs_of(500, decided), np.zeros(500, dtype=bool))
    assert (found.reviewed, found.wrong) == (80, 0)


def test_the_interval_covers() -> None:
    """Of 300 reviews of populations with a known share, at least 95 % have it in their interval.

    The interval covers with at least 95 %; the chance that 300 such intervals miss more than 27
    times is below 0.2 %.
    """
    generator = np.random.default_rng(7)
    missed = 0
    for _ in range(300):
        wrong = generator.random(2000) < 0.05
        sample = generator.permutation(2000)[:150].tolist()
        verbs: list[Verb | None] = ["drop" if each else "keep" for each in wrong]
        found = estimate(sample, verbs, np.zeros(2000, dtype=bool))
        assert found.low is not None and found.high is not None
        missed += not found.low <= wrong.mean() <= found.high
    assert missed <= 27
