"""What the lists, p-values and intervals promise, by simulation. Seeds are those of development."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from radiotracer.opinions.head import LINEAR
from radiotracer.stats import cross_conformal_p_values
from radiotracer.targets import check_multilabel, check_regression, inputs, multilabel, regression
from radiotracer.targets.lists import longest_list
from radiotracer.targets.predicting import predictions_of
from radiotracer.targets.predictors import LINES
from tests.targets.target_worlds import numbers, tags


@pytest.fixture(autouse=True)
def lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worlds are linear: few linear models are enough, and take seconds."""
    monkeypatch.setattr(inputs, "COLUMNS", 0)
    monkeypatch.setattr(
        multilabel, "view_of", functools.partial(multilabel.view_of, heads=LINEAR[2:3])
    )
    monkeypatch.setattr(regression, "LINES", LINES[6:8])


def test_p_values_of_right_numbers_are_uniform_enough() -> None:
    """20 draws of 300 clean examples and 400 validation ones.

    The share with p <= alpha has a standard deviation of about sqrt(alpha (1 - alpha)(1 / 300 +
    1 / 400)) per draw, so that the mean of 20 exceeds 1.2 alpha by chance once in 300 times for
    alpha = 0.05, and less often for 0.1.
    """
    shares = []
    for seed in range(100, 120):
        world = numbers(seed, n=300, m=400)
        assert world.validation is not None
        others, targets = world.validation
        found = predictions_of(
            world.features.astype(np.float32),
            world.targets,
            LINES[6:8],
            words="",
            validation=others.astype(np.float32),
            seed=seed,
        )
        assert found.validation_mean is not None and found.validation_spread is not None
        p_values = cross_conformal_p_values(
            np.abs(world.targets - found.mean) / found.spread,
            found.folds,
            np.abs(targets - found.validation_mean) / found.validation_spread,
        )
        shares.append([(p_values <= alpha).mean() for alpha in (0.05, 0.1)])
    low, high = np.mean(shares, axis=0)
    assert 0.03 <= low <= 0.06 and 0.07 <= high <= 0.12


def test_p_values_of_right_labels_are_uniform_enough() -> None:
    """20 labels of 300 clean examples and 400 validation ones, as above."""
    sorts = (
        (0.0, 6.0, 0.0, 0.0),
        (-3.0, 5.0, 0.0, 0.0),
        (0.0, 2.0, 0.0, 0.0),
        (-2.0, 3.0, 0.0, 0.0),
    )
    shares = []
    for seed in range(100, 105):
        world = tags(seed, n=300, m=400, labels=sorts)
        found = check_multilabel(
            world.features, world.targets, validation=world.validation, seed=seed
        )
        assert found.p_values is not None
        shares += [[(p <= alpha).mean() for alpha in (0.05, 0.1)] for p in found.p_values.T]
        assert found.is_flagged.mean() <= 0.01
        assert found.notes and "400 validation examples" in found.notes[0]
        # At 95 %: that three of four labels have a bound above 0 happens once in 2,000 times.
        assert sum(each.at_least > 0 for each in found.findings if each.at_least) <= 2
    assert (np.mean(shares, axis=0) <= [0.06, 0.12]).all()


def test_with_many_validation_examples_the_rate_is_kept() -> None:
    """2,100 clean ones decide: of 5 draws with 10 % wrong, less than 10 % of the list are right.

    The false discovery rate is 5 %; some 60 are flagged in each draw, so that 10 % of 300 are more
    than three standard errors away.
    """
    right = flagged = 0
    for seed in range(100, 105):
        world = numbers(seed, n=400, m=2_100, share=0.1)
        found = check_regression(
            world.features, world.targets, validation=world.validation, seed=seed
        )
        assert found.decided_by == "validation" and not found.notes
        assert found.at_least is not None and 0 < found.at_least <= world.wrong.sum()
        right += int((found.is_flagged & ~world.wrong).sum())
        flagged += int(found.is_flagged.sum())
        inside = (world.targets >= found.low) & (world.targets <= found.high)
        # 360 right ones at 95 %: four standard errors.
        assert inside[~world.wrong].mean() >= 0.95 - 4 * np.sqrt(0.05 * 0.95 * (1 / 360 + 1 / 2100))
    assert flagged > 75 and right <= 0.1 * flagged


def test_estimated_lists_are_as_good_as_they_say() -> None:
    """4 draws of each of four sorts of mistakes, some 500 flagged entries in all.

    The share of right ones is to be at most the rate and four standard errors of so many
    independent entries more: 9 % and 15 %. It was 5 % and 10 %; a list of another seed is as far
    away about once in 10,000 times, or in 100 times where mistakes of a draw hang together.
    """
    flagged, right = np.zeros(2), np.zeros(2)

    def count(chance: np.ndarray, wrong: np.ndarray) -> None:
        for place, rate in enumerate((0.05, 0.1)):
            chosen = longest_list(chance, rate)
            flagged[place] += chosen.sum()
            right[place] += (chosen & ~wrong).sum()

    for seed in range(100, 104):
        for label in ((-3.0, 8.0, 0.0, 0.25), (-3.0, 8.0, 0.03, 0.2)):
            world = tags(seed, labels=(label,))
            labelled = check_multilabel(world.features, world.targets, seed=seed)
            assert labelled.findings[0].low > 0
            count(labelled.wrong[:, 0], world.wrong[:, 0])
        for share, kind in ((0.1, "others"), (0.06, "slipped")):
            world = numbers(seed, share=share, kind=kind)
            found = check_regression(world.features, world.targets, seed=seed)
            assert found.share_low > 0
            inside = (world.targets >= found.low) & (world.targets <= found.high)
            assert inside[~world.wrong].mean() >= 0.95 - 4 * np.sqrt(0.05 * 0.95 / 225)
            count(found.wrong, world.wrong)
    assert (flagged > 300).all()
    rate = np.array([0.05, 0.1])
    assert (right / flagged <= rate + 4 * np.sqrt(rate * (1 - rate) / flagged)).all()


@pytest.mark.parametrize("noise", ["normal", "heavy", "skewed"])
def test_hardly_any_right_number_is_flagged(noise: str) -> None:
    """4 draws of 500 clean examples: at most 1 % flagged, and the intervals cover what they say."""
    for seed in range(100, 104):
        world = numbers(seed, noise=noise)
        found = check_regression(world.features, world.targets, seed=seed)
        assert found.inconclusive is None
        assert found.is_flagged.mean() <= 0.01
        inside = (world.targets >= found.low) & (world.targets <= found.high)
        assert inside.mean() >= 0.95 - 4 * np.sqrt(0.05 * 0.95 / 250)


def test_models_that_know_nothing_say_so() -> None:
    """Targets that have nothing to do with the features."""
    for seed in range(100, 104):
        random = np.random.default_rng(seed)
        features = random.normal(size=(300, 4))
        found = check_regression(features, random.normal(size=300), seed=seed)
        assert found.inconclusive is not None and not found.is_flagged.any()
        labels = (random.uniform(size=(300, 1)) < 0.3).astype(int)
        tagged = check_multilabel(features, labels, seed=seed)
        assert tagged.inconclusive is not None and not tagged.is_flagged.any()
