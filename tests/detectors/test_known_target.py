"""The detector that is told of a wrong prediction: by hand, with a trigger, where nobody did it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binom

from radiotracer.detectors import DETECTORS, Ranking, Rule, Seen, Survey, Trace, decide
from radiotracer.detectors.known_target import Clean

CLASSES = 3


def seen(layers: dict[str, NDArray[np.float64]], labels: NDArray[np.int64], said: int) -> Seen:
    outputs = torch.zeros(len(labels), CLASSES)
    outputs[:, said] = 5.0
    shown = {name: torch.from_numpy(each) for name, each in layers.items()}
    return Seen(torch.from_numpy(labels), outputs, shown)


def rank(train: Seen, queries: Seen, incident: Seen) -> Ranking:
    return DETECTORS["known-target"].rank(
        Trace(
            train=np.zeros((len(train.labels), 0)),
            labels=train.labels.numpy(),
            validation=None,
            validation_labels=None,
            classes=CLASSES,
            checkpoints=1,
            seed=0,
            survey=Survey(train, queries, incident),
        )
    )


def test_likeness_by_hand() -> None:
    """Two classes in the plane with a covariance that needs no shrinking to be inverted."""
    generator = np.random.default_rng(0)
    labels = np.arange(4000) % 2
    spread = np.array([[2.0, 0.6], [0.6, 0.5]])
    points = generator.multivariate_normal(np.zeros(2), spread, size=4000)
    points[labels == 1] += [5.0, 0.0]
    honest = Clean.of(points, labels)
    np.testing.assert_allclose(np.linalg.inv(honest.precision), spread, rtol=0.1)
    shown, x = np.array([1.0, 2.0]), np.array([[0.5, -1.0], [6.0, 1.0]])
    expected = []
    for label in (0, 1):
        away = shown - honest.means[label]
        numerator = (x[label] - honest.means[label]) @ honest.precision @ away
        expected.append(numerator / np.sqrt(away @ honest.precision @ away))
    np.testing.assert_allclose(honest.likeness(x, np.array([0, 1]), shown), expected)
    # In units of an honest example's deviation.
    assert abs(honest.likeness(points, labels, shown).std() - 1) < 0.05


def test_a_layer_that_shows_nothing_says_nothing() -> None:
    labels = np.arange(6) % 2
    honest = Clean.of(np.ones((6, 3)), labels)
    np.testing.assert_array_equal(honest.likeness(np.ones((6, 3)), labels, np.ones(3)), 0.0)


def drawn(
    generator: np.random.Generator, labels: NDArray[np.int64], carriers: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """An early layer that sees a trigger, and a late one that sees the class."""
    early = generator.normal(size=(len(labels), 16))
    late = generator.normal(size=(len(labels), 16)) * 0.5
    late[np.arange(len(labels)), labels] += 3.0
    early[carriers, 10] += 12.0
    return {"early": early, "late": late}


def test_a_trigger_is_found_by_the_layer_that_sees_it() -> None:
    generator = np.random.default_rng(1)
    labels = np.arange(600) % CLASSES
    carries = (labels == 1) & (np.arange(600) < 60)
    nobody = np.zeros(300, dtype=bool)
    asked = np.full(4, 0)
    trusted = np.arange(300) % CLASSES
    incident = seen(drawn(generator, asked, np.ones(4, dtype=bool)), asked, said=1)
    found = rank(
        seen(drawn(generator, labels, carries), labels, said=0),
        seen(drawn(generator, trusted, nobody), trusted, said=0),
        incident,
    )
    assert found.scores[carries].min() > found.scores[~carries].max()
    others = labels != 1
    assert found.p_values is not None and np.isnan(found.p_values[others]).all()
    assert (found.scores[others] < found.scores[~others].min()).all()
    suspects = decide(found, Rule(fdr=0.02)).is_flagged
    assert (suspects & carries).sum() == 20 and (suspects & ~carries).sum() <= 2


def test_p_values_hold_where_nobody_taught_it() -> None:
    """At most 1 of 10,000,000 runs would fail, were the p-values uniform and independent."""
    generator = np.random.default_rng(2)
    small = 0
    for _ in range(100):
        labels, asked = np.ones(40, dtype=np.int64), np.zeros(2, dtype=np.int64)
        none = np.zeros(40, dtype=bool)
        found = rank(
            seen(drawn(generator, labels, none), labels, said=0),
            seen(drawn(generator, labels, none), labels, said=0),
            seen(drawn(generator, asked, none[:2]), asked, said=1),
        )
        assert found.p_values is not None
        small += int(found.p_values[0] <= 0.1)
    assert small <= binom.isf(1e-7, 100, 0.1)


def test_a_class_without_examples_has_no_suspect() -> None:
    generator = np.random.default_rng(3)
    labels, asked = np.zeros(20, dtype=np.int64), np.zeros(1, dtype=np.int64)
    none = np.zeros(20, dtype=bool)
    found = rank(
        seen(drawn(generator, labels, none), labels, said=0),
        seen(drawn(generator, labels, none), labels, said=0),
        seen(drawn(generator, asked, none[:1]), asked, said=2),
    )
    assert found.p_values is not None and np.isnan(found.p_values).all()
    assert not decide(found, Rule(fdr=0.5)).is_flagged.any()
    assert np.isfinite(found.scores).all()
