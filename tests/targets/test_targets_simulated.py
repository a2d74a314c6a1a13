"""What the lists, p-values and intervals promise, by simulation. Seeds are those of development."""

from __future__ import annotations

import numpy as np
import pytest

from radiotracer.opinions.head import LINEAR
from radiotracer.stats import cross_conformal_p_values
from radiotracer.targets import check_multilabel, check_regression, inputs, multilabel, regression
from radiotracer.targets.predicting import predictions_of
from radiotracer.targets.predictors import LINES
from tests.targets.target_worlds import numbers, tags


@pytest.fixture(autouse=True)
def lines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worlds are linear: few linear models are enough, and take seconds."""
    monkeypatch.setattr(inputs, "COLUMNS", 0)
    monkeypatch.setattr(multilabel, "LINEAR", LINEAR[2:3])
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
