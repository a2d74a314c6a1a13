"""Linear heads: the loss and its gradient against float64, and wrong labels that hardly pull."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from radiotracer.opinions import linear
from radiotracer.opinions.linear import AT_RANDOM, fit_linear, say_linear
from radiotracer.opinions.trees import fit_trees

Loss = Callable[[Any], tuple[float, Any]]


def drawn(n: int, d: int, classes: int, seed: int = 100) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)).astype(np.float32), random.integers(0, classes, n)


def caught(monkeypatch: pytest.MonkeyPatch, flat: Any, *given: Any) -> tuple[Loss, Any]:
    """The function that is minimised, and which weights it takes `flat` for."""
    seen: list[Loss] = []

    def minimize(loss: Loss, first: Any, **_: Any) -> SimpleNamespace:
        seen.append(loss)
        return SimpleNamespace(x=flat.ravel())

    with monkeypatch.context() as patch:
        patch.setattr(linear, "minimize", minimize)
        weights = fit_linear(*given)
    return seen[0], weights


@pytest.mark.parametrize(("classes", "decay"), [(2, 0.0), (3, 0.01), (7, 0.3)])
def test_the_loss_and_its_gradient_are_those_of_the_formula(
    monkeypatch: pytest.MonkeyPatch, classes: int, decay: float
) -> None:
    """Against torch in float64; ours is computed in float32."""
    points, labels = drawn(60, 5, classes)
    flat = np.random.default_rng(101).normal(size=(6, classes))
    loss, weights = caught(monkeypatch, flat, points, labels, classes, decay)
    value, gradient = loss(flat.ravel())

    leaf = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    outputs = torch.tensor(points, dtype=torch.float64) @ leaf[:-1] + leaf[-1]
    own = outputs.softmax(dim=1)[torch.arange(60), torch.tensor(labels)]
    likely = (1 - AT_RANDOM) * own + AT_RANDOM / classes
    expected = -likely.log().mean() + decay * leaf[:-1].square().sum()
    expected.backward()
    assert leaf.grad is not None
    assert value == pytest.approx(expected.item(), rel=1e-5)
    # `flat` is the weights, each row of them on a scale of its own.
    chained = leaf.grad.numpy() * weights / flat
    np.testing.assert_allclose(gradient, chained.ravel(), atol=1e-6)

    direction = np.random.default_rng(102).normal(size=flat.size)
    ahead, behind = (loss(flat.ravel() + step * direction)[0] for step in (1e-2, -1e-2))
    assert (ahead - behind) / 2e-2 == pytest.approx(float(gradient @ direction), abs=2e-3)


def test_what_is_fitted_is_where_the_gradient_vanishes(monkeypatch: pytest.MonkeyPatch) -> None:
    points, labels = drawn(200, 4, 3)
    weights = fit_linear(points, labels, 3, 0.01)
    loss, ours = caught(monkeypatch, np.ones((5, 3)), points, labels, 3, 0.01)
    flat = (weights / ours).ravel().astype(np.float64)
    value, gradient = loss(flat)
    assert np.abs(gradient).max() < 2e-3
    random = np.random.default_rng(103)
    for _ in range(5):
        assert loss(flat + 0.1 * random.normal(size=flat.size))[0] > value


def test_examples_that_all_others_contradict_hardly_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes at -1 and +1, and a few far ones that are wrong: the line stays between them."""
    random = np.random.default_rng(100)
    labels = np.repeat([0, 1], 100)
    points = (random.normal(size=(200, 1)) * 0.3 + 2.0 * labels[:, np.newaxis] - 1.0).astype("f4")
    wrong = np.full((30, 1), 3.0, dtype=np.float32)
    given = np.concatenate([points, wrong]), np.append(labels, np.zeros(30, dtype=np.int64))

    def right() -> float:
        weights = fit_linear(*given, 2, 0.003)
        return float((say_linear(weights, points).argmax(axis=1) == labels).mean())

    assert right() >= 0.99
    monkeypatch.setattr(linear, "AT_RANDOM", 0.0)
    assert right() < 0.9


def test_opinions_are_log_probabilities_also_of_classes_without_examples() -> None:
    points, labels = drawn(80, 3, 2)
    said = say_linear(fit_linear(points, labels, 5, 0.01), points)
    np.testing.assert_allclose(np.exp(said).sum(axis=1), 1.0, rtol=1e-5)
    assert (np.exp(said[:, 2:]) < 0.05).all()
    by_trees = fit_trees(points, labels, 5)(points)
    assert by_trees.shape == (80, 5) and by_trees.dtype == np.float32
    np.testing.assert_allclose(np.exp(by_trees).sum(axis=1), 1.0, rtol=1e-5)
    assert (np.exp(by_trees[:, 2:]) < 1e-5).all()


def test_trees_take_gaps_and_categories_as_such() -> None:
    """A category says the class, but not by its order; and a gap says it where it is one."""
    random = np.random.default_rng(100)
    category = random.integers(0, 6, 300)
    number = random.normal(size=300)
    labels = np.isin(category, (0, 2, 4)).astype(np.int64)
    gap = random.random(300) < 0.2
    labels[gap] = 1
    points = np.stack([np.where(gap, np.nan, number), category], axis=1).astype(np.float32)
    say = fit_trees(points[:200], labels[:200], 2, categories=(1,))
    assert (say(points[200:]).argmax(axis=1) == labels[200:]).mean() > 0.97
