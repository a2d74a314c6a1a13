"""The list of `check`: p-values that are valid on clean data, shares, order, and no list at all."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from radiotracer.detectors import (
    DETECTORS,
    OPINION_DETECTOR,
    Ranking,
    Seen,
    Survey,
    Trace,
    calibrated,
    decide,
)
from radiotracer.opinions import Opinions
from radiotracer.opinions.crossfit import opinions_of
from radiotracer.opinions.grounds import probabilities
from radiotracer.opinions.head import linear
from radiotracer.stats import clean_share, conformal_p_values

CLASSES = 3


def drawn(n: int, seed: int, apart: float = 4.0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, n)
    points = random.normal(size=(n, 4)) + apart * np.eye(CLASSES, 4)[labels]
    return points.astype(np.float32), labels


def ranked(opinions: Opinions) -> Ranking:
    import torch

    labels = torch.from_numpy(opinions.labels)
    return DETECTORS[OPINION_DETECTOR].rank(
        Trace(
            train=np.zeros((len(labels), 0)),
            labels=opinions.labels,
            validation=None,
            validation_labels=None,
            classes=opinions.classes,
            checkpoints=1,
            seed=0,
            survey=Survey(
                Seen(labels, torch.from_numpy(opinions.outputs), {}), None, opinions=opinions
            ),
        )
    )


def flipped(seed: int, n: int = 600, m: int = 300) -> tuple[Opinions, Opinions, NDArray[np.bool_]]:
    """Opinions with and without validation examples on data of which 10 % are wrong."""
    points, true = drawn(n, seed)
    random = np.random.default_rng([seed, 1])
    wrong = random.random(n) < 0.1
    given = np.where(wrong, (true + random.integers(1, CLASSES, n)) % CLASSES, true)
    shown = drawn(m, seed + 10_000)
    with_them = opinions_of(points, given, CLASSES, words="", validation=shown)
    without = dataclasses.replace(
        with_them, validation=None, validation_labels=None, validation_features=None
    )
    return with_them, without, wrong


def test_p_values_of_clean_examples_are_valid() -> None:
    """40 draws of 100 clean examples against 99; by pooling the shares hold a few per cent.

    The share of one draw has a standard deviation of about sqrt(a (1 - a) (1 / 100 + 1 / 99)),
    0.031 at 0.05 and 0.057 at 0.2, so that five standard errors of the mean are 0.025 and 0.045:
    fails by chance about once in a million.
    """
    found = []
    for seed in range(100, 140):
        points, labels = drawn(100, seed, apart=2.0)
        opinions = opinions_of(
            points,
            labels,
            CLASSES,
            words="",
            validation=drawn(99, seed + 10_000, apart=2.0),
            heads=(linear(0.03),),
        )
        p_values = ranked(opinions).p_values
        assert p_values is not None
        found.append([(p_values <= alpha * (1 + 1e-12)).mean() for alpha in (0.05, 0.2)])
    mean = np.mean(found, axis=0)
    assert abs(mean[0] - 0.05) < 0.025 and abs(mean[1] - 0.2) < 0.045


def test_with_validation_examples_each_is_ranked_under_its_own_model() -> None:
    opinions, _, _ = flipped(100)
    ranking = ranked(opinions)
    assert ranking.p_values is not None and opinions.validation is not None
    assert opinions.validation_labels is not None
    rows = np.arange(len(opinions.labels))
    surprise = -opinions.outputs[rows, opinions.labels]
    np.testing.assert_array_equal(ranking.scores, surprise)
    shown = np.arange(len(opinions.validation_labels))
    for fold in (0, 7):
        reference = -opinions.validation[fold][shown, opinions.validation_labels]
        own = opinions.folds == fold
        expected = conformal_p_values(surprise[own].astype("f4"), reference)
        np.testing.assert_array_equal(ranking.p_values[own], expected)
    smallest = 1.0 / (len(shown) + 1.0)
    assert ranking.clean_share == min(1.0, clean_share(ranking.p_values, smallest))
    assert 0.8 < ranking.clean_share <= 1.0


@pytest.mark.parametrize("validated", [True, False])
def test_flips_are_listed_at_about_the_rate(validated: bool) -> None:
    """Over four draws: at most three times the rate, most of them, and those flagged first."""
    listed = false = found = wrong_ones = 0
    for seed in range(200, 204):
        *both, wrong = flipped(seed)
        ranking = ranked(both[0] if validated else both[1])
        assert (ranking.p_values is not None) == validated
        decision = calibrated("out-of-fold", {"out-of-fold": ranking})
        flags = decision.is_flagged
        assert sorted(decision.ranks[flags]) == list(range(1, flags.sum() + 1))
        assert decision.inconclusive is None
        listed, false = listed + flags.sum(), false + (flags & ~wrong).sum()
        found, wrong_ones = found + (flags & wrong).sum(), wrong_ones + wrong.sum()
    assert false / listed <= 0.15 and found / wrong_ones >= 0.7


def test_the_suggested_class_is_never_the_given_one() -> None:
    _, opinions, _ = flipped(100)
    ranking = ranked(opinions)
    assert ranking.suggested is not None and ranking.posteriors is not None
    assert (ranking.suggested != opinions.labels).all()
    np.testing.assert_array_equal(ranking.posteriors, probabilities(opinions))
    disagree = opinions.outputs.argmax(axis=1) != opinions.labels
    np.testing.assert_array_equal(
        ranking.suggested[disagree], opinions.outputs.argmax(axis=1)[disagree]
    )


@pytest.mark.parametrize("validated", [True, False])
def test_what_knows_too_little_flags_nothing(validated: bool) -> None:
    """Although some of the labels look most unlikely: what is said of them is noise."""
    points, labels = drawn(300, 100, apart=0.0)
    shown = drawn(100, 101, apart=0.0) if validated else None
    opinions = opinions_of(points, labels, CLASSES, words="", validation=shown)
    ranking = ranked(opinions)
    decision = calibrated("out-of-fold", {"out-of-fold": ranking})
    assert decision.inconclusive is not None and not decision.is_flagged.any()
    assert decision.nearly is None
    assert sorted(decision.ranks) == list(range(1, 301))
    # A rate of the caller's does not get round it.
    from radiotracer.detectors import Rule

    loose = decide(ranking, Rule(fdr=0.9))
    assert loose.inconclusive is not None and not loose.is_flagged.any()
