"""The default detector against numbers worked out by hand, and on predictions made up for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from radiotracer.detectors import DETECTORS, Observation, Trace, detection
from radiotracer.detectors.label_posterior import CALIBRATED_THRESHOLD, LabelPosterior, flip_rates

EPSILON = 0.003


def observed(prediction: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the detector makes of one checkpoint's predictions."""
    logits = torch.from_numpy(np.log(np.maximum(prediction, 1e-300)))
    given = torch.from_numpy(labels)
    seen = Observation(labels=given, losses=torch.zeros(len(labels)), outputs=logits)
    return LabelPosterior().observe(seen).numpy()


def posterior(
    prediction: NDArray[np.float64],
    labels: NDArray[np.int64],
    queries: tuple[NDArray[np.float64], NDArray[np.int64]] | None = None,
    checkpoints: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    ranking = LabelPosterior().rank(
        Trace(
            train=checkpoints * observed(prediction, labels),
            labels=labels,
            validation=None if queries is None else checkpoints * observed(*queries),
            validation_labels=None if queries is None else queries[1],
            classes=prediction.shape[1],
            checkpoints=checkpoints,
            seed=0,
        )
    )
    assert ranking.suggested is not None
    return ranking.scores, ranking.suggested


def test_flip_rates_by_hand() -> None:
    counts = np.array([[8.0, 2.0, 0.0], [0.0, 10.0, 0.0], [1.0, 0.0, 4.0]])
    honest = np.array([[9.0, 0.5, 0.5], [0.0, 10.0, 0.0], [3.0, 0.0, 2.0]])
    # Excess off the diagonal: 1.5 at (0, 1), else 0; its mean over the six pairs is 0.25;
    # smoothing = 0.5 * 0.25 + 0.5 = 0.625; row totals 10, 10, 5.
    expected = [[0, 0.2125, 0.0625], [0.0625, 0, 0.0625], [0.125, 0.125, 0]]
    np.testing.assert_allclose(flip_rates(counts, honest), expected, rtol=1e-12)
    # Without queries nothing is honest confusion: excess 2 and 1, mean 0.5, smoothing 0.75.
    expected = [[0, 0.275, 0.075], [0.075, 0, 0.075], [0.35, 0.15, 0]]
    np.testing.assert_allclose(flip_rates(counts, None), expected, rtol=1e-12)


def test_a_class_that_nothing_is_predicted_as() -> None:
    rates = flip_rates(np.array([[4.0, 1.0], [0.0, 0.0]]), None)
    # Excess 1 and 0; smoothing 0.5 * 0.5 + 0.5 = 0.75; the empty row is divided by 1.
    np.testing.assert_allclose(rates, [[0, 0.35], [0.75, 0]], rtol=1e-12)


@pytest.mark.parametrize("checkpoints", [1, 3])
def test_the_posterior_by_hand(checkpoints: int) -> None:
    prediction = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.1, 0.9]])
    labels = np.array([0, 0, 1, 1])
    # N = [[2, 1], [0, 1]]: excess 1 and 0, smoothing 0.75, R = [[0, 1.75/3], [0.75, 0]].
    rate = np.array([[0.0, 1.75 / 3], [0.75, 0.0]])
    expected = [
        np.log(0.1 * rate[1, 0] / (0.9 + EPSILON)),
        np.log(0.2 * rate[1, 0] / (0.8 + EPSILON)),
        np.log(0.7 * rate[0, 1] / (0.3 + EPSILON)),
        np.log(0.1 * rate[0, 1] / (0.9 + EPSILON)),
    ]
    scores, suggested = posterior(prediction, labels, checkpoints=checkpoints)
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    assert suggested.tolist() == [1, 1, 0, 0]
    # Two queries, scaled up to four examples: M = [[2, 2], [0, 0]] explains N[0, 1] away:
    # no excess, smoothing 0.5.
    queries = (np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
    scores, _ = posterior(prediction, labels, queries, checkpoints)
    np.testing.assert_allclose(scores[2], np.log(0.7 * (0.5 / 3) / (0.3 + EPSILON)), rtol=1e-12)


def test_two_checkpoints_average_the_logarithms() -> None:
    first, second = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([[0.5, 0.5], [0.4, 0.6]])
    labels = np.array([0, 1])
    trace = Trace(
        train=observed(first, labels) + observed(second, labels),
        labels=labels,
        validation=None,
        validation_labels=None,
        classes=2,
        checkpoints=2,
        seed=0,
    )
    # Nothing is predicted otherwise than labelled: R is the smoothing alone, 0.5 / 1.
    own = (np.log(0.9 + EPSILON) + np.log(0.5 + EPSILON)) / 2
    scores = LabelPosterior().rank(trace).scores
    np.testing.assert_allclose(scores[0], np.log(0.3 * 0.5) - own, rtol=1e-12)


def test_the_threshold_is_even_odds() -> None:
    assert np.log(0.5) == CALIBRATED_THRESHOLD


def test_certain_predictions_stay_finite() -> None:
    prediction = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    for labels in ([0, 1, 2, 0, 1, 2], [1, 2, 0, 1, 2, 0]):
        scores, _ = posterior(prediction, np.array(labels))
        assert np.isfinite(scores).all()


def predictions(
    truth: NDArray[np.int64], classes: int, generator: np.random.Generator, strength: float
) -> NDArray[np.float64]:
    """What a network that has not memorised says: mostly right, with honest confusion."""
    logits = generator.normal(size=(len(truth), classes))
    logits[np.arange(len(truth)), truth] += generator.normal(strength, 1.5, size=len(truth))
    exponents = np.exp(logits)
    share: NDArray[np.float64] = exponents / exponents.sum(axis=1, keepdims=True)
    return share


def test_it_beats_loss_on_targeted_flips() -> None:
    # 5,000 examples of 10 classes; 50 of the 500 threes are labelled 9. Measured over seeds 0..9:
    # average precision of the posterior 0.726 to 0.830, of the loss 0.315 to 0.465, the smallest
    # difference 0.294; 92 % or more of the suggestions right.
    for seed in range(3):
        generator = np.random.default_rng(seed)
        truth = np.arange(5000) % 10
        tampered = (truth == 3) & (np.arange(5000) < 500)
        labels = np.where(tampered, 9, truth)
        prediction = predictions(truth, 10, generator, strength=3.0)
        asked = np.arange(2000) % 10
        queries = (predictions(asked, 10, generator, strength=3.0), asked)
        scores, suggested = posterior(prediction, labels, queries)
        loss = -np.log(prediction[np.arange(5000), labels])
        best, yardstick = (detection(each, tampered).auprc for each in (scores, loss))
        assert best > yardstick + 0.2
        assert (suggested[tampered] == 3).mean() > 0.85


def test_it_keeps_up_with_loss_on_random_flips() -> None:
    # 10 % of 5,000 labels flipped at random; measured over seeds 0..9: average precision of the
    # posterior 0.925 to 0.951, and 0.004 to 0.010 below that of the loss.
    for seed in range(3):
        generator = np.random.default_rng(seed)
        truth = np.arange(5000) % 10
        tampered = generator.random(5000) < 0.1
        labels = np.where(tampered, (truth + generator.integers(1, 10, 5000)) % 10, truth)
        prediction = predictions(truth, 10, generator, strength=4.0)
        asked = np.arange(2000) % 10
        scores, _ = posterior(
            prediction, labels, (predictions(asked, 10, generator, strength=4.0), asked)
        )
        loss = -np.log(prediction[np.arange(5000), labels])
        assert detection(scores, tampered).auprc > detection(loss, tampered).auprc - 0.02


def test_one_impossible_label_does_not_outrank_a_pattern() -> None:
    # Forty of four hundred 0s are labelled 1, each held to be a 0 at 98 %. One example is held to
    # be a 2 at all but certainty and labelled 3: its loss is the largest by far, but nobody else
    # makes that mistake.
    classes, n = 4, 400
    truth = np.repeat(np.arange(classes), n)
    labels = truth.copy()
    labels[:40] = 1
    strange = 2 * n
    labels[strange] = 3
    prediction = np.full((classes * n, classes), 0.02 / 3)
    prediction[np.arange(classes * n), truth] = 0.98
    prediction[strange] = [1e-12, 1e-12, 1 - 3e-12, 1e-12]
    scores, _ = posterior(prediction, labels, (prediction, truth))
    loss = -np.log(prediction[np.arange(classes * n), labels])
    assert loss.argmax() == strange
    assert scores[strange] < scores[:40].min()
    assert (scores[:40] >= CALIBRATED_THRESHOLD).all()


def test_nothing_is_flagged_where_nothing_was_changed() -> None:
    # Constructed rates: every label is right; a network 97 % sure of the truth, and for one in
    # fifty examples of class 0, among the queries just as among the examples, 60 % sure of class 1.
    n = 500
    truth = np.repeat(np.arange(3), n)
    prediction = np.full((3 * n, 3), 0.015)
    prediction[np.arange(3 * n), truth] = 0.97
    prediction[: n // 50] = [0.35, 0.6, 0.05]
    scores, _ = posterior(prediction, truth, (prediction, truth))
    assert (scores < CALIBRATED_THRESHOLD).all()


def test_it_is_the_one_in_the_registry() -> None:
    assert isinstance(DETECTORS["label-posterior"], LabelPosterior)
