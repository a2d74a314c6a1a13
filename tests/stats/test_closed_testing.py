"""The bound on false hypotheses: all subsets by brute force, and a simulation of its confidence."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiotracer.errors import InputError
from radiotracer.stats import at_least, conformal_p_values

chances = st.one_of(
    st.floats(0, 1), st.floats(0, 0.02), st.sampled_from([0.0, 0.005, 0.01, 0.02, 0.05, 1.0])
)


def over_all_subsets(p_values: list[float], alpha: float) -> int:
    """Goeman and Solari's definition: n less the size of the largest set that is not rejected.

    A set is not rejected by closed testing where some set around it is not, so that the largest
    one is not rejected by its own test.
    """

    def rejected(chosen: tuple[float, ...]) -> bool:
        ordered = sorted(chosen)
        return any(
            len(ordered) * p <= j * alpha * (1 + 1e-12) for j, p in enumerate(ordered, start=1)
        )

    n = len(p_values)
    kept = [k for k in range(1, n + 1) for each in combinations(p_values, k) if not rejected(each)]
    return n - max(kept, default=0)


@settings(max_examples=60)
@given(
    p_values=st.lists(chances, max_size=8),
    level=st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]),
)
def test_all_subsets(p_values: list[float], level: float) -> None:
    assert at_least(np.array(p_values), level) == over_all_subsets(p_values, 1 - level)


@given(p_values=st.lists(chances, min_size=1, max_size=40), data=st.data())
def test_smaller_p_values_and_lower_levels_never_lower_it(
    p_values: list[float], data: st.DataObject
) -> None:
    found = at_least(p_values)
    assert 0 <= found <= len(p_values)
    place = data.draw(st.integers(0, len(p_values) - 1))
    smaller = [*p_values]
    smaller[place] = data.draw(st.floats(0, p_values[place]))
    assert at_least(smaller) >= found
    assert at_least(p_values, 0.8) >= found
    assert at_least([*p_values, np.nan]) == found


def test_all_and_none() -> None:
    assert at_least(np.zeros(50)) == 50
    assert at_least(np.ones(50)) == 0
    assert at_least(np.array([])) == 0


def test_it_holds_as_often_as_it_says() -> None:
    """400 draws at 80 %, by conformal p-values: with 80 % right, 5 standard errors are 10 %."""
    random = np.random.default_rng(100)
    wrong, bounds = 0, []
    for _ in range(400):
        false = int(random.integers(0, 40))
        scores = np.concatenate([random.normal(2.5, 1, false), random.normal(0, 1, 200 - false)])
        found = at_least(conformal_p_values(scores, random.normal(0, 1, 500)), 0.8)
        wrong += found > false
        bounds.append(found / max(false, 1))
    assert wrong / 400 <= 0.2 + 0.1
    assert np.mean(bounds) > 0.15  # and it says something


def test_60_000_at_once() -> None:
    p_values = np.random.default_rng(101).uniform(size=60_000) ** 2
    began = time.perf_counter()
    found = at_least(p_values)
    assert time.perf_counter() - began < 5
    assert 0 < found < 60_000


@pytest.mark.parametrize("p_values", [[-0.1, 0.5], [0.5, 1.1], [[0.5]]])
def test_p_values_that_are_none(p_values: list[float]) -> None:
    with pytest.raises(InputError, match=r"expected p-values in \[0, 1\]"):
        at_least(p_values)


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan")])
def test_levels_that_are_none(level: float) -> None:
    with pytest.raises(InputError, match="expected level="):
        at_least([0.5], level)
