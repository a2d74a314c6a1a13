"""What stands behind a verdict: counts by hand, and when nothing is to be said."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import log_softmax

from radiotracer.opinions import grounds
from radiotracer.opinions.crossfit import opinions_of
from radiotracer.opinions.grounds import (
    SUPPOSED,
    findable_share,
    grounds_of,
    probabilities,
    reliability_of,
)
from radiotracer.opinions.noise import Noise, fit_noise, wrongness
from radiotracer.opinions.opinions import Opinions

RATE = 0.05


def about(outputs: NDArray[np.float64], labels: NDArray[np.int64], share: float = 0.1) -> Opinions:
    return Opinions(
        labels=labels,
        outputs=outputs,
        folds=np.zeros(len(labels), dtype=np.int64),
        words="a test",
        noise=Noise(share, 0.0, 0.2, 1.0, 0.5),
    )


def knowing(strength: float, n: int = 600, classes: int = 4) -> Opinions:
    """Models whose probabilities are right, and the surer the higher `strength` is."""
    random = np.random.default_rng(100)
    outputs = log_softmax(strength * random.normal(size=(n, classes)), axis=1)
    labels = (outputs + random.gumbel(size=outputs.shape)).argmax(axis=1)
    return about(outputs, labels)


def by_hand(opinions: Opinions, rate: float) -> float:
    """Every example with every label that it might bear, one list for each length."""
    n, classes = opinions.outputs.shape
    share = max(opinions.noise.share, SUPPOSED)
    pairs = sorted(
        (float(np.exp(opinions.outputs[row, label])), row, label)
        for row in range(n)
        for label in range(classes)
    )
    best = found = right = 0.0
    for likely, _, _ in pairs:
        found += (1 - likely) / (n * (classes - 1))
        right += likely / n
        if (1 - share) * right <= rate * ((1 - share) * right + share * found):
            best = found
    return best


@given(
    seed=st.integers(0, 1000),
    strength=st.floats(0.0, 12.0),
    share=st.floats(0.0, 0.5),
    rate=st.sampled_from([0.01, 0.05, 0.3]),
)
def test_what_would_be_found_is_counted_one_by_one(
    seed: int, strength: float, share: float, rate: float
) -> None:
    random = np.random.default_rng(seed)
    outputs = log_softmax(strength * random.normal(size=(30, 3)), axis=1)
    opinions = about(outputs, random.integers(0, 3, 30), share)
    found = findable_share(opinions, rate)
    assert 0.0 <= found <= 1.0 + 1e-12
    assert found == pytest.approx(by_hand(opinions, rate), abs=1e-9)


def test_surer_models_find_more() -> None:
    found = [findable_share(knowing(strength), RATE) for strength in (0.5, 2.0, 5.0, 15.0, 60.0)]
    assert found == sorted(found) and found[0] < 0.1 and found[-1] > 0.95


def test_what_would_be_found_is_found() -> None:
    """Labels changed at random, and the list at the rate: both as promised, within 5 percent."""
    random = np.random.default_rng(101)
    opinions = knowing(6.0, n=4_000)
    wrong = random.random(4_000) < 0.1
    moved = (opinions.labels + random.integers(1, 4, 4_000)) % 4
    changed = about(opinions.outputs, np.where(wrong, moved, opinions.labels))
    chances = probabilities(changed)
    order = np.argsort(-chances, kind="stable")
    means = np.cumsum(1 - chances[order]) / np.arange(1, 4_001)
    listed = order[: np.flatnonzero(means <= RATE)[-1] + 1]
    assert wrong[listed].sum() / wrong.sum() == pytest.approx(
        findable_share(changed, RATE), abs=0.05
    )
    assert 1 - wrong[listed].mean() == pytest.approx(RATE, abs=0.03)


def test_the_counts_are_those_of_the_labels() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 3, 3, 3, 3])
    said = np.array([0, 0, 0, 1, 1, 0, 3, 3, 3, 0])
    outputs = np.full((10, 4), np.log(0.1))
    outputs[np.arange(10), said] = np.log(0.7)
    found = grounds_of(about(outputs, labels), RATE)
    assert found.accuracy == pytest.approx(0.7) and found.chance == pytest.approx(0.4)
    np.testing.assert_array_equal(found.counts, [4, 2, 0, 4])
    np.testing.assert_allclose(found.by_class, [0.75, 0.5, np.nan, 0.75])
    assert found.at_least is None
    kept = found.as_json(("a", "b", "c", "d"))
    assert kept["accuracy_by_class"] == {"a": 0.75, "b": 0.5, "d": 0.75}
    assert kept["at_least_wrong"] is None and kept["wrong_share"] == 0.1


def test_reliability_is_every_class_of_every_example() -> None:
    opinions = knowing(3.0, n=2_000)
    opinions = dataclasses.replace(opinions, noise=Noise(0.0, 0.0, 0.0, 1.0, 0.0))
    bins = reliability_of(opinions)
    assert sum(each.count for each in bins) <= opinions.outputs.size
    assert sum(each.count for each in bins) > 0.9 * opinions.outputs.size
    for each in bins:
        # Right probabilities: off by chance alone, five standard errors of which this is.
        error = np.sqrt(each.expected * (1 - each.expected) / each.count)
        assert abs(each.observed - each.expected) < 5 * error + 1e-9
    hits = sum(each.observed * each.count for each in bins)
    assert hits == pytest.approx(2_000, rel=0.05)


def test_probabilities_are_bayes_rule_on_the_given_label() -> None:
    opinions = knowing(2.0, n=50)
    own = opinions.outputs[np.arange(50), opinions.labels]
    np.testing.assert_array_equal(probabilities(opinions), wrongness(own, 0.1, 4))


@pytest.mark.parametrize("seed", range(100, 105))
def test_of_features_that_say_nothing_nothing_is_concluded(seed: int) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(300, 10)).astype(np.float32)
    found = grounds_of(opinions_of(features, random.integers(0, 4, 300), 4, words="noise"), RATE)
    assert found.why_not is not None and "they know too little" in found.why_not
    assert not any("would be listed" in line for line in found.lines(tuple("abcd")))


def test_nothing_is_concluded_where_all_but_a_few_are_of_one_class() -> None:
    """97 % accuracy is no knowledge where 97 % are of one class."""
    random = np.random.default_rng(100)
    labels = (np.arange(400) % 33 == 0).astype(np.int64)
    features = random.normal(size=(400, 6)).astype(np.float32)
    found = grounds_of(opinions_of(features, labels, 2, words="noise"), RATE)
    assert found.accuracy > 0.9 and found.why_not is not None


def test_models_that_know_something_but_too_little_say_how_much() -> None:
    opinions = knowing(1.0, n=2_000)
    found = grounds_of(opinions, RATE)
    assert found.accuracy > found.chance + 0.05 and found.findable < 0.1
    assert found.why_not is not None and "of 100 wrong labels" in found.why_not


def test_good_models_have_grounds_and_words() -> None:
    opinions = dataclasses.replace(knowing(20.0), noise=fit_noise(*_pair(knowing(20.0))))
    found = grounds_of(opinions, RATE, p_values=np.append(np.full(20, 1e-6), np.ones(580)))
    assert found.why_not is None and found.at_least is not None and 15 <= found.at_least <= 20
    said = found.lines(("ant", "bee", "cow", "doe"))
    assert said[0].startswith("Models that never saw an example name its label in ")
    assert any(line.startswith("Least known is ") for line in said)
    assert any(line.startswith(f"At least {found.at_least} labels are wrong") for line in said)
    assert said[-1].startswith("Of labels that are wrong at random about ")
    assert found.findable > grounds.LEAST_FINDABLE


def _pair(opinions: Opinions) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    return opinions.outputs, opinions.labels
