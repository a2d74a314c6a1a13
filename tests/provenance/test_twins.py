"""Which twin is published: fair, independent, and tied to the id alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiotracer.errors import DataError
from radiotracer.provenance import Key
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.controls import control_keys

KEY = Key(bytes(range(32)))


def test_golden_values() -> None:
    """A published data set fixes its coins for ever."""
    found = published_twins(Key(bytes(32)), map(str, range(16)))
    assert found.tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1]


@given(ids=st.lists(st.text(st.characters(codec="utf-8")), unique=True, max_size=20))
def test_tied_to_the_id_alone(ids: list[str]) -> None:
    found = published_twins(KEY, ids)
    assert found.shape == (len(ids),) and found.dtype == np.int64 and set(found) <= {0, 1}
    np.testing.assert_array_equal(published_twins(KEY, ids[::-1]), found[::-1])
    np.testing.assert_array_equal(published_twins(KEY, ids[:3]), found[:3])
    np.testing.assert_array_equal(published_twins(KEY, np.array(ids, dtype=object)), found)


def test_fair_over_images_and_over_keys() -> None:
    """Fails by chance 3 times in 10^6 runs."""
    ids = [str(i) for i in range(200)]
    coins = np.stack([published_twins(each, ids) for each in control_keys(KEY, 200)])
    low, high = stats.binom.ppf([5e-7, 1 - 5e-7], coins.size, 0.5)
    assert low <= coins.sum() <= high
    # Per image over the keys, and per key over the images: as spread as fair coins are.
    for axis in (0, 1):
        z = (coins.sum(axis=axis) - 100) / np.sqrt(50)
        low, high = stats.chi2.ppf([5e-7, 1 - 5e-7], 200)
        assert low <= z @ z <= high


def test_an_id_comes_once() -> None:
    with pytest.raises(DataError, match="a different id for every example; got b more than once"):
        published_twins(KEY, ["a", "b", "b"])
