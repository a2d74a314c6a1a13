"""Principal directions against numpy's singular values."""

from __future__ import annotations

import numpy as np
import pytest

from radiotracer.opinions import reduced
from radiotracer.opinions.reduced import LEAST, MOST, PER_DIRECTION, reduction_of


def made(n: int, d: int, seed: int = 100) -> np.ndarray:
    """Directions of very different lengths, features of very different units, not centred."""
    random = np.random.default_rng(seed)
    rank = min(n, d, 12)
    lengths = 2.0 ** -np.arange(rank)
    values = random.normal(size=(n, rank)) * lengths @ random.normal(size=(rank, d))
    values += 0.01 * random.normal(size=(n, d))
    return (values * 10.0 ** random.uniform(-2, 2, d) + random.normal(size=d)).astype(np.float32)


def expected(features: np.ndarray, k: int) -> np.ndarray:
    """Inner products of the k numbers, which know no sign and no turn within equal lengths."""
    given = features.astype(np.float64)
    given = (given - given.mean(axis=0)) / given.std(axis=0)
    left, lengths, _ = np.linalg.svd(given, full_matrices=False)
    numbers = left[:, :k] * lengths[:k]
    numbers *= np.sqrt(k / (np.square(lengths[:k]).sum() / len(given)))
    return np.asarray(numbers @ numbers.T)


@pytest.mark.parametrize(("n", "d"), [(200, 6), (300, 40), (30, 80), (25, 25)])
def test_the_same_as_by_numpy(n: int, d: int) -> None:
    features = made(n, d)
    found = reduction_of(features)(features)
    k = min(n, d, max(LEAST, n // PER_DIRECTION))
    assert found.shape == (n, k) and found.dtype == np.float32
    scale = np.abs(expected(features, k)).max()
    np.testing.assert_allclose(found @ found.T / scale, expected(features, k) / scale, atol=2e-3)
    # Unit variance on average, so that a decay means the same for all features.
    assert np.square(found.astype(np.float64)).mean() == pytest.approx(1.0, rel=1e-3)


def test_many_directions_are_found_by_a_sketch(monkeypatch: pytest.MonkeyPatch) -> None:
    features = made(160, 60)
    exact = reduction_of(features)(features)
    monkeypatch.setattr(reduced, "EXACT", 20)
    sketched = reduction_of(features)(features)
    scale = np.abs(exact @ exact.T).max()
    np.testing.assert_allclose(sketched @ sketched.T / scale, exact @ exact.T / scale, atol=0.01)


def test_constants_and_units_count_for_nothing() -> None:
    features = made(120, 8)
    plain = reduction_of(features)(features)
    constant = np.full((120, 3), [0.0, 7.0, 1e6], dtype=np.float32)
    more = np.concatenate([constant, features * np.float32(1000.0)], axis=1)
    found = reduction_of(more)(more)
    scale = np.abs(plain @ plain.T).max()
    ours, theirs = plain @ plain.T / scale, found @ found.T / scale
    # Three more directions in which nothing differs make the others longer, all by the same.
    theirs *= 8 / min(11, max(LEAST, 120 // PER_DIRECTION))
    np.testing.assert_allclose(theirs, ours, atol=1e-3)
    nothing = reduction_of(constant)(constant)
    assert np.isfinite(nothing).all() and not nothing.any()


def test_no_more_directions_than_examples_can_bear() -> None:
    random = np.random.default_rng(100)
    few = random.normal(size=(40, 300)).astype(np.float32)
    assert reduction_of(few)(few).shape == (40, LEAST)
    assert MOST < 1000


def test_other_examples_are_reduced_in_the_same_way() -> None:
    features = made(200, 10)
    reduction = reduction_of(features)
    np.testing.assert_allclose(reduction(features[:5]), reduction(features)[:5], atol=1e-4)
