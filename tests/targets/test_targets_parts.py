"""The parts of the checks against brute force and known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from radiotracer.targets.bounds import weighted_width, widths_by_fold
from radiotracer.targets.lists import list_by_validation, longest_list
from radiotracer.targets.mixture import fit_mixture
from radiotracer.targets.predictors import fit_line
from radiotracer.targets.sided import fit_sided

chances = st.lists(st.floats(0, 1), min_size=1, max_size=25).map(np.array)


@given(wrong=chances, rate=st.sampled_from([0.05, 0.1, 0.3]))
def test_no_longer_list_would_do(wrong: np.ndarray, rate: float) -> None:
    found = longest_list(wrong, rate)
    ordered = np.sort(wrong)[::-1]
    lengths = [k for k in range(1, len(wrong) + 1) if (1 - ordered[:k]).sum() / k <= rate]
    assert found.sum() == max(lengths, default=0)
    assert found.all() or not found.any() or wrong[found].min() >= wrong[~found].max()


@given(
    errors=st.lists(st.floats(0, 10), min_size=1, max_size=30).map(np.array),
    level=st.sampled_from([0.5, 0.9, 0.95]),
)
def test_with_equal_weights_both_widths_are_the_conformal_one(
    errors: np.ndarray, level: float
) -> None:
    place = math.ceil(level * (len(errors) + 1) * (1 - 1e-12))
    expected = np.sort(errors)[place - 1] if place <= len(errors) else math.inf
    assert weighted_width(errors, np.ones(len(errors)), level) == expected
    assert widths_by_fold(errors[np.newaxis], level).tolist() == [expected]


def test_what_is_surely_wrong_has_no_weight() -> None:
    errors = np.concatenate([np.linspace(0, 1, 200), np.full(50, 99.0)])
    weights = np.concatenate([np.ones(200), np.zeros(50)])
    assert weighted_width(errors, weights, 0.95) == weighted_width(
        errors[:200], weights[:200], 0.95
    )
    assert weighted_width(errors, np.ones(250), 0.95) == 99.0


def test_few_validation_examples_that_show_nothing_do_not_decide() -> None:
    p_values = np.linspace(1 / 101, 1, 500)
    assert list_by_validation(p_values, 100, 0.05)[0] is None
    many, _ = list_by_validation(p_values, 5000, 0.05)
    assert many is not None and not many.any()
    some, least = list_by_validation(np.r_[np.full(300, 1 / 101), np.ones(200)], 100, 0.05)
    assert some is not None and some[:300].all() and least > 250


def test_squares_with_hardly_any_decay_are_the_least_squares() -> None:
    random = np.random.default_rng(100)
    points = random.normal(size=(60, 4)).astype(np.float32)
    targets = random.normal(size=60)
    expected, *_ = np.linalg.lstsq(np.c_[points, np.ones(60)], targets, rcond=None)
    np.testing.assert_allclose(fit_line(points, targets, 1e-12, False), expected, atol=1e-6)


def test_huber_is_not_moved_by_what_lies_far_away() -> None:
    random = np.random.default_rng(101)
    points = random.normal(size=(300, 2)).astype(np.float32)
    right = points @ np.array([1.0, -2.0]) + 0.1 * random.normal(size=300)
    targets = right.copy()
    targets[:30] = 50.0
    robust = fit_line(points, targets, 1e-6, True)
    np.testing.assert_allclose(robust, [1.0, -2.0, 0.0], atol=0.05)
    assert np.abs(fit_line(points, targets, 1e-6, False) - [1.0, -2.0, 0.0]).max() > 1.0


@pytest.mark.parametrize(("invented", "forgotten"), [(0.0, 0.0), (0.05, 0.05), (0.0, 0.25)])
def test_both_rates_are_found(invented: float, forgotten: float) -> None:
    """20,000 opinions that are right but for a temperature and a shift; a fifth are yes."""
    random = np.random.default_rng(102)
    z = random.normal(-4, 5, 20_000)
    right = random.uniform(size=z.size) < expit(z)
    turned = random.uniform(size=z.size) < np.where(right, forgotten, invented)
    labels = (right ^ turned).astype(np.int64)
    fitted = fit_sided(0.5 * z + 1.0, labels)
    assert fitted.invented == pytest.approx(invented, abs=0.015)
    assert fitted.forgotten == pytest.approx(forgotten, abs=0.03)
    assert fitted.share == pytest.approx(turned.mean(), abs=0.01)
    assert fitted.low - 0.002 <= turned.mean() <= fitted.high + 0.002
    assert (fitted.low > 0) == bool(turned.any())
    assert fitted.wrong(0.5 * z + 1.0, labels).mean() == pytest.approx(turned.mean(), abs=0.01)


def test_one_share_for_both_sides_would_hide_what_was_forgotten() -> None:
    """Why `sided.py` is there."""
    from radiotracer.opinions.noise import fit_noise

    random = np.random.default_rng(103)
    z = random.normal(-4, 5, 5_000)
    right = random.uniform(size=z.size) < expit(z)
    labels = (right & (random.uniform(size=z.size) >= 0.25)).astype(np.int64)
    truth = float((labels != right).mean())
    outputs = np.stack([-np.logaddexp(0, z), -np.logaddexp(0, -z)], axis=1)
    assert fit_noise(outputs, labels).share < 0.5 * truth
    assert fit_sided(z, labels).share == pytest.approx(truth, abs=0.25 * truth)


@pytest.mark.parametrize("share", [0.0, 0.08])
@pytest.mark.parametrize("noise", ["normal", "heavy", "skewed"])
def test_the_share_of_wrong_numbers(share: float, noise: str) -> None:
    """2,000 targets, a known prediction and spread; wrong ones are somebody else's."""
    random = np.random.default_rng(104)
    mean = random.normal(0, 3, 2_000)
    drawn = {
        "normal": random.normal,
        "heavy": lambda size: random.standard_t(4, size),
        "skewed": lambda size: random.exponential(size=size) - 1.0,
    }[noise](size=2_000)
    targets = mean + 0.4 * drawn
    wrong = random.uniform(size=2_000) < share
    targets[wrong] = random.permutation(targets)[wrong]
    fitted = fit_mixture(targets, mean, np.full(2_000, 0.4))
    assert fitted.share == pytest.approx(share, abs=0.025)
    assert fitted.low <= share <= fitted.high + 0.01
    assert (fitted.wrong > 0.5).mean() <= share
    if share:
        assert fitted.wrong[wrong].mean() > 0.5 > fitted.wrong[~wrong].mean() * 10
