"""The alignment of two feature spaces against relations that are known, and the plain formula."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.errors import DataError, NotFiniteError
from radiotracer.provenance.designs._carriers.alignment import align

RNG = np.random.Generator


def random(seed: int) -> RNG:
    return np.random.default_rng(seed)


def related(
    rng: RNG, n: int = 60, d: int = 7, s: int = 5, noise: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Suspect features, extractor features, and the matrix between them."""
    matrix = rng.standard_normal((d, s))
    extractor = rng.standard_normal((n, d)) + rng.standard_normal(d)
    suspect = extractor @ matrix + rng.standard_normal(s)
    return suspect + noise * rng.standard_normal((n, s)), extractor, matrix


@given(st.integers(0, 2**32), st.integers(2, 9), st.integers(1, 9))
def test_a_linear_relation_is_found_constant_and_all(seed: int, d: int, s: int) -> None:
    suspect, extractor, matrix = related(random(seed), d=d, s=s)
    found = align(suspect, extractor)
    np.testing.assert_allclose(found.matrix, matrix, atol=1e-9)
    assert found.rank == d and found.examples == 60 and not found.frozen
    assert found.residual < 1e-9
    np.testing.assert_allclose(found.r_squared, 1.0)


def test_least_squares_with_a_constant() -> None:
    suspect, extractor, _ = related(random(1), noise=2.0)
    column = np.hstack([extractor, np.ones((60, 1))])
    solution, squares, *_ = np.linalg.lstsq(column, suspect, rcond=None)
    found = align(suspect, extractor)
    np.testing.assert_allclose(found.matrix, solution[:-1], atol=1e-12)
    spread = 60 * suspect.var(axis=0)
    np.testing.assert_allclose(found.r_squared, 1 - squares / spread)
    assert found.residual == pytest.approx(np.sqrt(squares.sum() / spread.sum()))
    low, middle, high = found.quartiles
    assert 0 < low < middle < high < 1 and middle == pytest.approx(np.median(found.r_squared))


@given(st.integers(0, 2**32))
def test_aligned_rows_say_what_a_fit_of_the_logits_says(seed: int) -> None:
    """Least squares is linear: fitting features and mapping rows is fitting the logits."""
    rng = random(seed)
    suspect, extractor, _ = related(rng, noise=1.0)
    weights = rng.standard_normal((3, 5))
    logits = align(suspect @ weights.T, extractor)
    np.testing.assert_allclose(
        align(suspect, extractor).rows(weights), logits.rows(np.eye(3)), atol=1e-9
    )


@given(st.integers(0, 2**32))
def test_how_the_suspect_writes_its_features_does_not_matter(seed: int) -> None:
    rng = random(seed)
    suspect, extractor, _ = related(rng, noise=1.0)
    weights, turn = rng.standard_normal((3, 5)), np.linalg.qr(rng.standard_normal((5, 5)))[0]
    turned = align(suspect @ turn, extractor).rows(weights @ turn)
    np.testing.assert_allclose(turned, align(suspect, extractor).rows(weights), atol=1e-9)


def test_features_that_never_vary_count_for_nothing() -> None:
    suspect, extractor, _ = related(random(2))
    # A rectifier that is never on, one that varies by float32 noise only, and twice the same.
    extractor[:, 2], extractor[:, 3] = 0.1, 1e-9 * extractor[:, 0] ** 2
    extractor[:, 4] = extractor[:, 5]
    suspect[:, 1] = 0.1
    found = align(suspect, extractor)
    assert found.rank == 4
    assert np.isnan(found.r_squared[1]) and np.isfinite(np.delete(found.r_squared, 1)).all()
    assert np.isfinite(found.quartiles).all()
    np.testing.assert_allclose(found.matrix[2], 0.0, atol=1e-12)
    np.testing.assert_allclose(found.matrix[4], found.matrix[5], atol=1e-9)  # least norm
    assert np.abs(found.matrix).max() < 10


def test_the_same_features_are_not_fitted() -> None:
    _, extractor, _ = related(random(3))
    rng = random(4)
    wobble = extractor * (1 + 1e-6 * rng.standard_normal(extractor.shape))
    found = align(wobble, extractor)
    assert found.frozen and found.residual == 0.0 and found.rank == 7
    np.testing.assert_array_equal(found.matrix, np.eye(7))
    weights = rng.standard_normal((3, 7))
    np.testing.assert_array_equal(found.rows(weights), weights)


def test_features_that_training_moved_are_fitted() -> None:
    _, extractor, _ = related(random(5))
    moved = extractor.copy()
    moved[7, 3] += 0.01 * np.abs(extractor).max()
    assert not align(moved, extractor).frozen
    assert not align(extractor[:, ::-1], extractor).frozen


def test_one_feature_too_many() -> None:
    suspect, extractor, _ = related(random(6), n=9)
    align(suspect, extractor)
    with pytest.raises(DataError, match=r"expected more than 8 images .* got 8; pass more"):
        align(suspect[:8], extractor[:8])


def test_what_cannot_be_aligned() -> None:
    suspect, extractor, _ = related(random(7))
    with pytest.raises(DataError, match=r"got shapes \(59, 5\) and \(60, 7\)"):
        align(suspect[1:], extractor)
    with pytest.raises(DataError, match="suspect features that differ"):
        align(np.ones_like(suspect), extractor)
    with pytest.raises(DataError, match="extractor features that differ"):
        align(suspect, np.ones_like(extractor))
    suspect[3, 1] = np.inf
    with pytest.raises(NotFiniteError, match="expected finite features"):
        align(suspect, extractor)
