"""Conformal p-values across folds: counting one by one, and the null by simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.errors import InputError, NotFiniteError
from radiotracer.stats import conformal_p_values, cross_conformal_p_values

tied = st.floats(-3, 3) | st.sampled_from([0.0, 1.0, -1.0])


@given(data=st.data(), count=st.integers(1, 4), m=st.integers(1, 12))
def test_each_is_ranked_under_its_own_model(data: st.DataObject, count: int, m: int) -> None:
    row = st.lists(tied, min_size=m, max_size=m)
    reference = np.array(data.draw(st.lists(row, min_size=count, max_size=count)))
    scores = np.array(data.draw(st.lists(tied, max_size=15)))
    folds = np.array([data.draw(st.integers(0, count - 1)) for _ in scores], dtype=np.int64)
    found = cross_conformal_p_values(scores, folds, reference)
    expected = [
        (1 + sum(r >= s for r in reference[k])) / (m + 1)
        for s, k in zip(scores, folds, strict=True)
    ]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_one_fold_is_the_plain_p_value() -> None:
    random = np.random.default_rng(100)
    scores, reference = random.normal(size=50), random.normal(size=30)
    np.testing.assert_array_equal(
        cross_conformal_p_values(scores, np.zeros(50, dtype=np.int64), reference[np.newaxis]),
        conformal_p_values(scores, reference),
    )


def test_models_on_other_scales_change_nothing_on_average() -> None:
    """200 draws of 100 clean examples whose five models have scales of their own.

    P(p <= alpha) is exactly alpha where alpha (m + 1) is whole; the share over a draw has a
    standard deviation of about sqrt(alpha (1 - alpha) (1 / 100 + 1 / 99)), so that five standard
    errors of the mean are below 0.016.
    """
    random = np.random.default_rng(101)
    scales = np.array([0.1, 1.0, 5.0, 20.0, 300.0])
    folds = np.arange(100) % 5
    shares = []
    for _ in range(200):
        p = cross_conformal_p_values(
            random.normal(size=100) * scales[folds],
            folds,
            random.normal(size=99) * scales[:, np.newaxis],
        )
        shares.append([(p <= alpha * (1 + 1e-12)).mean() for alpha in (0.05, 0.1)])
    np.testing.assert_allclose(np.mean(shares, axis=0), [0.05, 0.1], atol=0.016)


@pytest.mark.parametrize(
    ("scores", "folds", "reference"),
    [
        ([0.5], [0], [[]]),
        ([0.5], [0], [0.5]),
        ([0.5], [0, 1], [[0.5]]),
        ([0.5], [1], [[0.5]]),
        ([0.5], [-1], [[0.5]]),
        ([0.5], [0.0], [[0.5]]),
        ([[0.5]], [[0]], [[0.5]]),
    ],
)
def test_what_does_not_fit(scores: Any, folds: Any, reference: Any) -> None:
    with pytest.raises(InputError, match="expected"):
        cross_conformal_p_values(scores, folds, reference)


def test_no_score_may_be_nan() -> None:
    with pytest.raises(NotFiniteError, match="finite scores"):
        cross_conformal_p_values([np.nan], [0], [[0.5]])
    with pytest.raises(NotFiniteError, match="finite scores"):
        cross_conformal_p_values([0.5], [0], [[np.inf]])
