"""Opinions out of fold: no example speaks for its own label, and the better model wins."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_info

from radiotracer.opinions import crossfit
from radiotracer.opinions.crossfit import TRIED, best_opinions, opinions_of
from radiotracer.opinions.folds import FOLDS, folds_of
from radiotracer.opinions.head import Head, Say, linear
from radiotracer.opinions.noise import Noise
from radiotracer.opinions.view import View

CLASSES = 3


def drawn(n: int, seed: int = 100) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, n)
    centres = np.eye(CLASSES, 5) * 3.0
    return (random.normal(size=(n, 5)) + centres[labels]).astype(np.float32), labels


def by_heart(classes_of: dict[bytes, list[int]]) -> Head:
    """A model that knows the label of every example that it was fitted to, and nothing else."""

    def fit(points: NDArray[Any], labels: NDArray[np.int64], classes: int) -> Say:
        known = {point.tobytes(): int(label) for point, label in zip(points, labels, strict=True)}
        assert len(known) == len(points)

        def say(others: NDArray[Any]) -> NDArray[np.float32]:
            found = np.full((len(others), classes), np.log(1 / classes), dtype=np.float32)
            for row, point in enumerate(others):
                label = known.get(point.tobytes())
                if label is not None:
                    found[row] = -20.0
                    found[row, label] = 0.0
                    classes_of.setdefault(point.tobytes(), []).append(label)
            return found

        return say

    return Head("by heart", fit)


@pytest.mark.parametrize("n", [20, 137])
def test_no_model_has_seen_the_example_of_which_it_is_asked(n: int) -> None:
    points, labels = drawn(n)
    recognised: dict[bytes, list[int]] = {}
    view = View("points", points, points[:7], (by_heart(recognised),))
    found = best_opinions([view], labels, CLASSES, validation_labels=labels[:7])
    np.testing.assert_allclose(found.outputs, np.log(1 / CLASSES), rtol=1e-6)
    # What is known is known by all models but one: here, as the seven are among those fitted to.
    assert sorted(len(each) for each in recognised.values()) == [FOLDS - 1] * 7


def test_a_label_changes_nothing_of_what_is_said_of_its_example(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the folds as they were, one kind of model, and before the two numbers of the noise."""
    points, labels = drawn(90)
    folds = folds_of(labels, 0)
    monkeypatch.setattr(crossfit, "folds_of", lambda *_: folds)
    monkeypatch.setattr(crossfit, "fit_noise", lambda *_: Noise(0.0, 0.0, 0.0, 1.0, 0.0))

    def said(given: NDArray[np.int64]) -> NDArray[np.float64]:
        return opinions_of(points, given, CLASSES, words="", heads=(linear(0.01),)).outputs

    before = said(labels)
    for row in (0, 41, 89):
        changed = labels.copy()
        changed[row] = (changed[row] + 1) % CLASSES
        after = said(changed)
        same = folds == folds[row]
        np.testing.assert_array_equal(after[same], before[same])
        assert np.abs(after[~same] - before[~same]).max() > 1e-3


def test_the_order_of_the_examples_is_of_no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    points, labels = drawn(100)
    folds, order = folds_of(labels, 0), np.random.default_rng(1).permutation(100)
    monkeypatch.setattr(crossfit, "folds_of", lambda *_: folds)
    first = opinions_of(points, labels, CLASSES, words="", heads=(linear(0.03),))
    monkeypatch.setattr(crossfit, "folds_of", lambda *_: folds[order])
    second = opinions_of(points[order], labels[order], CLASSES, words="", heads=(linear(0.03),))
    np.testing.assert_allclose(second.outputs, first.outputs[order], atol=0.02)


def test_validation_examples_are_asked_of_by_every_model() -> None:
    points, labels = drawn(120)
    others, theirs = drawn(31, seed=101)
    found = opinions_of(points, labels, CLASSES, words="points", validation=(others, theirs))
    assert found.outputs.shape == (120, CLASSES) and found.outputs.dtype == np.float64
    assert found.validation is not None and found.validation.shape == (FOLDS, 31, CLASSES)
    assert found.validation.dtype == np.float32
    np.testing.assert_array_equal(found.validation_labels, theirs)
    np.testing.assert_allclose(np.exp(found.outputs).sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_allclose(np.exp(found.validation).sum(axis=-1), 1.0, rtol=1e-5)
    mean = found.validation_outputs
    assert mean is not None
    np.testing.assert_allclose(
        np.exp(mean), np.exp(found.validation.astype(np.float64)).mean(axis=0), rtol=1e-12
    )
    assert (mean.argmax(axis=1) == theirs).mean() > 0.9
    without = opinions_of(points, labels, CLASSES, words="points")
    assert without.validation is None and without.validation_outputs is None
    np.testing.assert_array_equal(without.outputs, found.outputs)


def test_the_better_view_and_the_better_model_win() -> None:
    points, labels = drawn(150)
    noise = np.random.default_rng(2).normal(size=points.shape).astype(np.float32)
    dull = Head("dull", lambda *_: lambda others: np.full((len(others), CLASSES), -1.1, "f4"))
    views = [
        View("noise", noise, None, (linear(0.01),)),
        View("points", points, None, (dull, linear(0.01))),
    ]
    told: list[tuple[str, int, int]] = []
    found = best_opinions(views, labels, CLASSES, progress=lambda *each: told.append(each))
    assert found.words == f"points; a linear model (decay 0.01), {FOLDS} folds"
    assert (found.outputs.argmax(axis=1) == labels).mean() > 0.9
    total = FOLDS + TRIED * 2
    assert {of for _, _, of in told} == {total} and len(told) == total
    assert max(done for _, done, _ in told) == total


def test_threads_and_random_numbers_of_the_caller_are_as_they_were() -> None:
    points, labels = drawn(60)
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    state, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads = torch.get_num_threads(), [each["num_threads"] for each in threadpool_info()]
    first = opinions_of(points, labels, CLASSES, words="", seed=3)
    second = opinions_of(points, labels, CLASSES, words="", seed=3)
    np.testing.assert_array_equal(first.outputs, second.outputs)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002
    assert threads == (
        torch.get_num_threads(),
        [each["num_threads"] for each in threadpool_info()],
    )
    assert threading.active_count() < 20
