"""Folds: every class spread evenly, the same for the same seed, and whole however few there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.opinions.folds import FOLDS, folds_of


@given(
    labels=st.lists(st.integers(0, 6), min_size=1, max_size=120),
    seed=st.integers(0, 1 << 32),
    folds=st.integers(1, 12),
)
def test_every_class_is_spread_over_all_folds(labels: list[int], seed: int, folds: int) -> None:
    given_labels = np.array(labels)
    found = folds_of(given_labels, seed, folds)
    count = min(folds, len(labels))
    assert found.dtype == np.int64 and found.shape == given_labels.shape
    sizes = np.bincount(found, minlength=count)
    assert len(sizes) == count and sizes.max() - sizes.min() <= 1
    for label in set(labels):
        own = np.bincount(found[given_labels == label], minlength=count)
        assert own.max() - own.min() <= 1
    np.testing.assert_array_equal(found, folds_of(given_labels, seed, folds))


def test_another_seed_deals_anew_and_neighbours_are_parted() -> None:
    labels = np.repeat(np.arange(4), 100)
    first, second = folds_of(labels, 0), folds_of(labels, 1)
    assert first.max() == FOLDS - 1
    # By chance one in ten is in the same fold.
    assert 0.02 < (first == second).mean() < 0.25
    # Examples that lie beside each other, such as frames of one film, are not dealt in turn.
    assert (np.diff(first) % FOLDS == 1).mean() < 0.25


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11])
def test_few_examples_make_as_many_folds(n: int) -> None:
    found = folds_of(np.zeros(n, dtype=np.int64), 3)
    assert sorted(set(found.tolist())) == list(range(min(n, FOLDS)))
