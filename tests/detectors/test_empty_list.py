"""What is said where nothing is flagged, and a higher estimated rate would flag something."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.detectors import Ranking, Rule, decide
from radiotracer.detectors.decide import NEAR
from radiotracer.detectors.reference import Tested as Held


def of(*p_values: float) -> Ranking:
    """Scores as they fall, with these p-values."""
    return Ranking(-np.arange(float(len(p_values))), p_values=np.array(p_values))


def test_the_words() -> None:
    # Benjamini and Hochberg: 0.02 x 4 and 0.04 x 4 / 2 are 0.08, the third 0.4.
    decision = decide(of(0.02, 0.04, 0.3, 1.0), Rule(fdr=0.05))
    assert not decision.is_flagged.any()
    assert decision.nearly == (
        "Nothing is flagged at a false discovery rate of 5 %, but the 2 most suspicious would be "
        "at 8 %: an empty list does not mean that the data are clean. A rate of 0.08 flags them; a "
        "clean reference, reviewed training examples, decides better."
    )
    one = decide(of(0.0301, 1.0, 1.0, 1.0), Rule(fdr=0.005)).nearly
    assert one is not None and "rate of 0.5 %, but one example would be at 13 %" in one
    assert "A rate of 0.13 flags it;" in one


@pytest.mark.parametrize(
    ("p_values", "rate"),
    [
        ((0.01, 1.0, 1.0, 1.0), 0.05),  # flagged
        ((NEAR / 4, 1.0, 1.0, 1.0), 0.05),  # too far
        ((0.02, 0.04, 0.3, 1.0), 0.3),  # flagged at more
        ((np.nan, np.nan), 0.05),  # nothing was asked about
    ],
)
def test_where_nothing_is_said(p_values: tuple[float, ...], rate: float) -> None:
    assert decide(of(*p_values), Rule(fdr=rate)).nearly is None


def test_other_rules_say_nothing() -> None:
    """A guarantee holds for one rate; posteriors have reached any rate on honest data."""
    near = of(0.02, 0.04, 0.3, 1.0)
    tested = Held(np.array([0.02, 0.04, 0.3, 1.0]), np.full(4, 0.02), False, "a reference")
    assert decide(near, Rule(fdr=0.05), tested).nearly is None
    assert decide(near, Rule(top_k=0)).nearly is None
    assert decide(near, Rule(threshold=9.0)).nearly is None
    guess = Ranking(np.arange(4.0)[::-1], posteriors=np.array([0.92, 0.5, 0.1, 0.0]))
    guessed = decide(guess, Rule(fdr=0.05))
    assert not guessed.is_flagged.any() and guessed.nearly is None


p_lists = st.lists(st.floats(1e-6, 1.0) | st.sampled_from([0.01, 0.07, 0.14, 1.0]), min_size=1)


@given(p_values=p_lists, rate=st.sampled_from([1e-3, 0.02, 0.05]))
def test_whoever_follows_it_gets_what_it_says(p_values: list[float], rate: float) -> None:
    ranking = of(*sorted(p_values))
    decision = decide(ranking, Rule(fdr=rate))
    if decision.nearly is None:
        assert (
            decision.is_flagged.any() or not decide(ranking, Rule(fdr=NEAR - 1e-9)).is_flagged.any()
        )
        return
    assert not decision.is_flagged.any()
    said = re.search(r"the ([\d,]+) most .* A rate of ([\d.]+) ", decision.nearly)
    alone = re.search(r"one example .* A rate of ([\d.]+) ", decision.nearly)
    count, higher = (said[1], said[2]) if said else ("1", alone[1]) if alone else ("", "")
    assert rate < float(higher) <= NEAR
    assert decide(ranking, Rule(fdr=float(higher))).is_flagged.sum() == int(count)
    # No whole per cent below it flags anything.
    if float(higher) - 0.01 > 0:
        assert not decide(ranking, Rule(fdr=float(higher) - 0.01 - 1e-9)).is_flagged.any()
