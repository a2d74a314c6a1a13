"""Opinions come from heads that were not fitted to what they judge."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radiotracer.detectors.contrast import opinions
from radiotracer.detectors.contrast.doubt import doubt


def test_heads_are_never_fitted_to_what_they_judge() -> None:
    # Labels at random, and more columns than examples: a head knows all that it was fitted to, and
    # nothing else. Correct opinions of 200 trusted examples are Binomial(200, 1/2): mean 100,
    # standard deviation 7.1; 150 and more, or 50 and fewer, have a probability below 1e-11.
    generator = np.random.default_rng(0)
    points = torch.from_numpy(generator.normal(size=(200, 400)))
    labels = generator.integers(0, 2, 200)
    said = opinions({"one": points}, {"one": points}, labels, classes=2, seed=0)
    right = said.validation[0].argmax(axis=1) == labels
    assert 50 < right.sum() < 150
    # The same as training examples were seen by one of the two heads.
    own = said.train[0][np.arange(200), labels]
    assert (own > 0.45).all()


def test_shapes_layers_and_sums() -> None:
    generator = torch.Generator().manual_seed(0)
    layers = {
        name: torch.randn(30, width, generator=generator) for name, width in (("a", 3), ("b", 5))
    }
    asked = {
        name: torch.randn(24, values.shape[1], generator=generator)
        for name, values in layers.items()
    }
    said = opinions(layers, asked, np.arange(24) % 3, classes=3, seed=1)
    assert said.train.shape == (2, 30, 3) and said.validation.shape == (2, 24, 3)
    np.testing.assert_allclose(said.train.sum(axis=2), 1.0, rtol=1e-6)
    np.testing.assert_allclose(said.validation.sum(axis=2), 1.0, rtol=1e-6)
    # Layer by layer: one alone says the same.
    alone = opinions({"b": layers["b"]}, {"b": asked["b"]}, np.arange(24) % 3, classes=3, seed=1)
    np.testing.assert_array_equal(alone.train[0], said.train[1])


def test_they_learn_what_trusted_examples_show() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    points = torch.randn(90, 4, generator=generator) * 0.2
    points[torch.arange(90), labels] += 2
    said = opinions({"one": points}, {"one": points}, labels.numpy(), classes=3, seed=0)
    for each in (said.train, said.validation):
        assert (each[0].argmax(axis=1) == labels.numpy()).all()


def test_an_opinion_does_not_depend_on_the_other_training_examples() -> None:
    generator = torch.Generator().manual_seed(0)
    points, asked = (torch.randn(n, 3, generator=generator) * 2 + 1 for n in (30, 24))
    whole, part = (
        opinions({"one": each}, {"one": asked}, np.arange(24) % 2, classes=2, seed=0).train
        for each in (points, points[:4])
    )
    np.testing.assert_allclose(part[0], whole[0, :4], rtol=1e-5)


def test_a_class_without_trusted_examples_has_probability_zero() -> None:
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    said = opinions({"one": points}, {"one": points}, np.arange(20) % 2 * 3, classes=5, seed=0)
    for each in (said.train, said.validation):
        assert (each[:, :, [1, 2, 4]] == 0).all() and (each[:, :, [0, 3]] > 0).all()
    doubts = doubt(said.train, np.full(20, 4), 0.003)
    np.testing.assert_allclose(doubts, -np.log(0.003))


def test_a_class_with_one_trusted_example_warns_nobody() -> None:
    points = torch.randn(21, 3, generator=torch.Generator().manual_seed(0))
    labels = np.append(np.arange(20) % 2, 2)
    said = opinions({"one": points}, {"one": points}, labels, classes=3, seed=0)
    assert said.validation[0, 20, 2] == 0.0  # the head that judges it has not seen its class


def test_one_class_alone() -> None:
    points = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    said = opinions({"one": points}, {"one": points}, np.ones(6, np.int64), classes=2, seed=0)
    np.testing.assert_array_equal(said.train[0], np.tile([0.0, 1.0], (6, 1)))


def test_a_constant_column_does_no_harm() -> None:
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    points[:, 1] = 7.0
    said = opinions({"one": points}, {"one": points}, np.arange(20) % 2, classes=2, seed=0)
    assert np.isfinite(said.train).all()


def test_doubt_by_hand() -> None:
    opinion = np.array([[[0.9, 0.1], [0.0, 1.0]], [[0.5, 0.5], [0.2, 0.8]]])
    found = doubt(opinion, np.array([0, 0]), 0.01)
    np.testing.assert_allclose(found, -np.log([[0.91, 0.01], [0.51, 0.21]]))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_says_who_is_in_which_fold(seed: int) -> None:
    points = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    labels = np.arange(40) % 2
    first, again, other = (
        opinions({"one": points}, {"one": points}, labels, classes=2, seed=s).validation
        for s in (seed, seed, seed + 2)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
