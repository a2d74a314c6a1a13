"""Temperature and share of wrong labels: recovered from simulated data, and Bayes' rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax

from radiotracer.opinions import noise
from radiotracer.opinions.noise import fit_noise, wrongness

CLASSES, N = 4, 2_000


def simulated(
    seed: int, share: float, sharpness: float, n: int = N
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """What models that are too sure, or not enough, say; labels, and which are wrong."""
    random = np.random.default_rng(seed)
    true = log_softmax(random.normal(size=(n, CLASSES)) * 4.0, axis=1)
    gumbel = true + random.gumbel(size=true.shape)
    labels = gumbel.argmax(axis=1)
    wrong = random.random(n) < share
    moved = (labels + random.integers(1, CLASSES, n)) % CLASSES
    return log_softmax(true / sharpness, axis=1), np.where(wrong, moved, labels), wrong


@pytest.mark.parametrize(
    ("share", "near", "within"), [(0.02, 0.011, 0.14), (0.1, 0.038, 0.14), (0.3, 0.087, 0.4)]
)
@pytest.mark.parametrize("sharpness", [0.4, 1.0, 2.5])
def test_both_numbers_are_recovered(
    share: float, near: float, within: float, sharpness: float
) -> None:
    """Within four standard deviations, as measured on eight other draws: at another seed a right
    fit would fail about once in ten thousand times."""
    outputs, labels, _ = simulated(100, share, sharpness)
    found = fit_noise(outputs, labels)
    assert found.share == pytest.approx(share, abs=near)
    assert abs(np.log(found.sharpness / sharpness)) < within
    assert found.low <= found.share <= found.high
    # Neither number is found where the other one is not: without sharpening the loss is higher.
    sharp = found.sharpened(outputs)
    np.testing.assert_allclose(np.exp(sharp).sum(axis=1), 1.0)
    np.testing.assert_allclose(sharp, log_softmax(found.sharpness * outputs, axis=1))


def test_the_interval_holds_the_share() -> None:
    """Nominally 95 %: of 40 fewer than 34 with a probability of 0.003."""
    held = 0
    for seed in range(100, 140):
        outputs, labels, _ = simulated(seed, 0.1, 1.5, n=600)
        found = fit_noise(outputs, labels)
        held += found.low <= 0.1 <= found.high
    assert held >= 34


def test_clean_labels_are_found_to_be_clean() -> None:
    """The bound of an interval at the edge holds 0 in at least 95 %: of 20 fewer than 17: 0.003."""
    found = [fit_noise(*simulated(seed, 0.0, 2.0)[:2]) for seed in range(100, 120)]
    assert sum(each.low == 0.0 for each in found) >= 17
    assert max(each.share for each in found) < 0.03


def test_more_than_enough_examples_are_drawn_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "MOST", 1_000)
    outputs, labels, _ = simulated(100, 0.2, 1.0, n=1_500)
    first = fit_noise(outputs, labels, seed=1)
    assert first == fit_noise(outputs, labels, seed=1)
    assert first != fit_noise(outputs, labels, seed=2)
    assert first.share == pytest.approx(0.2, abs=0.06)


@given(
    chances=st.lists(st.floats(1e-6, 1.0), min_size=2, max_size=6),
    share=st.floats(0.0, 0.9),
    data=st.data(),
)
def test_wrong_is_what_bayes_says(chances: list[float], share: float, data: st.DataObject) -> None:
    """By enumeration: what the example is, and what somebody wrote."""
    q = np.array(chances) / sum(chances)
    classes = len(q)
    given_label = data.draw(st.integers(0, classes - 1))
    joint = [
        q[true] * ((1 - share) if true == given_label else share / (classes - 1))
        for true in range(classes)
    ]
    right = joint[given_label]
    expected = 1 - right / sum(joint)
    found = wrongness(np.log(q[given_label : given_label + 1]), share, classes)
    np.testing.assert_allclose(found, [expected], atol=1e-9)


@given(
    own=st.lists(st.floats(-700.0, 0.0), min_size=1, max_size=20),
    share=st.floats(0.0, 0.9),
    classes=st.integers(2, 1000),
)
def test_wrong_is_a_probability_and_falls_with_that_of_the_label(
    own: list[float], share: float, classes: int
) -> None:
    found = wrongness(np.sort(own), share, classes)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert (np.diff(found) <= 1e-12).all()
    if share == 0.0:
        assert not found.any()


def test_the_probabilities_are_right_on_average() -> None:
    """The sum of P(wrong) is the number of wrong ones, which varies by 3 % of itself or so."""
    outputs, labels, wrong = simulated(100, 0.2, 2.0, n=8_000)
    found = fit_noise(outputs, labels)
    sharp = found.sharpened(outputs)
    chances = wrongness(sharp[np.arange(len(labels)), labels], found.share, CLASSES)
    assert chances.sum() == pytest.approx(wrong.sum(), rel=0.12)
    surest = np.argsort(-chances)[: wrong.sum() // 2]
    assert wrong[surest].mean() == pytest.approx(chances[surest].mean(), abs=0.06)


def test_sure_models_and_wrong_labels_are_told_from_unsure_models() -> None:
    """Few clear examples, too softly spoken of: there is a second place where the loss is low."""
    random = np.random.default_rng(100)
    true = np.arange(240) % 2
    wrong = np.arange(240) % 20 == 3
    distance = np.where(true == 1, 1.0, -1.0) * random.normal(1.0, 0.15, 240)
    outputs = log_softmax(np.stack([-distance, distance], axis=1), axis=1)
    found = fit_noise(outputs, np.where(wrong, 1 - true, true))
    assert found.share == pytest.approx(0.05, abs=0.01) and found.sharpness > 3.0
