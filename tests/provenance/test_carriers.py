"""Carriers: uniform, independent, the same for ever; and the white-box null that rests on them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radiotracer.errors import InputError
from radiotracer.provenance import Key
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._carriers.directions import carriers
from radiotracer.stats import cosine_log10_p, fisher, uniformity

KEY = Key(bytes(range(32)))


def test_golden_values() -> None:
    """What was marked along a carrier must be found along it for ever: these never change."""
    np.testing.assert_allclose(
        carriers(Key(bytes(32)), 2, 3),
        [
            [0.6914360019401271, -0.5538558764288867, 0.46385334251920896],
            [-0.809729212608669, -0.576930232856337, 0.10719192443685983],
        ],
        rtol=1e-12,
    )


@given(
    secret=st.binary(min_size=32, max_size=32), classes=st.integers(1, 6), wide=st.integers(2, 40)
)
def test_shape_and_length(secret: bytes, classes: int, wide: int) -> None:
    found = carriers(Key(secret), classes, wide)
    assert found.shape == (classes, wide) and found.dtype == np.float64
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=1e-14)
    # A class's carrier does not depend on how many classes there are.
    np.testing.assert_array_equal(carriers(Key(secret), classes + 2, wide)[:classes], found)
    assert len({row.tobytes() for row in found}) == classes


def test_other_dimensions_are_other_carriers() -> None:
    narrow, wide = carriers(KEY, 1, 20)[0], carriers(KEY, 1, 40)[0, :20]
    assert abs(narrow @ wide) / np.linalg.norm(wide) < 0.9


def test_uniform_and_independent() -> None:
    """Cosines with a fixed direction, and between classes (fails 3 times in 10^6 runs)."""
    found = carriers(KEY, 2000, 24)
    fixed = np.ones(24) / np.sqrt(24)
    neighbours = (found[1::2] * found[::2]).sum(axis=1)  # disjoint pairs
    for cosine in (found @ fixed, found[:, 0], neighbours):
        seen = uniformity(cosine_log10_p(cosine, 24))
        assert seen.distance_log10_p > -6


def white_box(weights: np.ndarray, keys: tuple[Key, ...], *, shared: bool) -> np.ndarray:
    """Fisher over the classes, under every key."""
    classes, wide = weights.shape
    rows = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    found = [carriers(each, 1 if shared else classes, wide) for each in keys]
    cosine = np.array([(rows * each).sum(axis=1) for each in found])
    return fisher(cosine_log10_p(cosine, wide))


def test_the_null_of_the_white_box_test() -> None:
    """A classifier whose rows are all but one direction, under 1,000 keys that marked nothing.

    One carrier per class: uniform p-values (fails by chance twice in 10^6 runs). One carrier for
    all: at a level of 1 % it accuses about fifteen times too often, and the control says so.
    """
    random = np.random.default_rng(11)
    weights = random.standard_normal(64) + 0.01 * random.standard_normal((10, 64))
    keys = control_keys(KEY, 1000)
    honest = white_box(weights, keys, shared=False)
    assert uniformity(honest).distance_log10_p > -6
    assert (honest <= -2).sum() <= stats.binom.ppf(1 - 1e-6, 1000, 0.01)
    wrong = white_box(weights, keys, shared=True)
    assert 0.1 < (wrong <= -2).mean() < 0.22
    assert uniformity(wrong).excess_log10_p < -10


def test_control_keys() -> None:
    keys = control_keys(KEY, 5)
    assert len({each.secret for each in (*keys, KEY)}) == 6
    assert control_keys(KEY, 2) == keys[:2] and control_keys(KEY, 0) == ()
    drawn = control_keys(np.random.default_rng(0), 3)
    assert drawn == control_keys(np.random.default_rng(0), 3)
    assert len({each.secret for each in (*drawn, *keys)}) == 8


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: carriers(KEY, 0, 5), "at least 1 class and 2 dimensions; got 0 and 5"),
        (lambda: carriers(KEY, 3, 1), "got 3 and 1"),
        (lambda: control_keys(KEY, -1), "a count of at least 0; got -1"),
    ],
)
def test_bad_input(call: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        call()  # type: ignore[operator]
