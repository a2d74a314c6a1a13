"""Overlap and wrong labels by pair: sums written out, and worlds of which the truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_softmax

from radiotracer.health import overlap
from radiotracer.health.overlap import COUNT, SHARE, overlaps, swaps, wrong_by_pair
from radiotracer.opinions.noise import wrongness


def world(seed: int, n: int = 400, classes: int = 4) -> tuple[NDArray[np.float64], NDArray]:
    some = np.random.default_rng(seed)
    outputs = log_softmax(2 * some.normal(size=(n, classes)), axis=1)
    return outputs, some.integers(0, classes, n)


def test_overlaps_are_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "BLOCK", 70)
    outputs, _ = world(1)
    q, guess = np.exp(outputs), outputs.argmax(axis=1)
    found = {(each.first, each.second): each for each in overlaps(outputs)}
    assert found
    for a in range(4):
        for b in range(a + 1, 4):
            count = sum(q[i, b] for i in range(400) if guess[i] == a)
            count += sum(q[i, a] for i in range(400) if guess[i] == b)
            share = count / (q[:, a].sum() + q[:, b].sum())
            if count >= COUNT and share >= SHARE:
                assert found[a, b].count == pytest.approx(count, rel=1e-9)
                assert found[a, b].share == pytest.approx(share, rel=1e-9)
            else:
                assert (a, b) not in found
    shares = [each.share for each in overlaps(outputs)]
    assert shares == sorted(shares, reverse=True)


def test_sure_models_see_no_overlap_whatever_the_labels_say() -> None:
    outputs = log_softmax(20 * np.eye(3)[np.arange(300) % 3], axis=1)
    assert overlaps(outputs) == ()


def test_at_first_the_sums_are_those_of_wrongness(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "BLOCK", 70)
    outputs, labels = world(2)
    q = np.exp(outputs)
    expected = np.zeros((4, 4))
    for i, y in enumerate(labels):
        wrong = wrongness(outputs[i, y : y + 1], 0.1, 4)[0]
        for t in range(4):
            if t != y:
                expected[y, t] += wrong * q[i, t] / (1 - q[i, y])
    np.testing.assert_allclose(wrong_by_pair(outputs, labels, 0.1, steps=1), expected, rtol=1e-9)


def test_no_wrong_labels_make_no_swaps() -> None:
    outputs, labels = world(3)
    assert not wrong_by_pair(outputs, labels, 0.0).any()
    assert swaps(wrong_by_pair(outputs, labels, 0.0)) == ()


def test_what_was_swapped_is_told_first_and_counted() -> None:
    some = np.random.default_rng(4)
    truth = np.repeat(np.arange(5), 400)
    # Logits of a model that is right about how sure it is.
    outputs = log_softmax(4 * np.eye(5)[truth] + some.gumbel(size=(2000, 5)) * 0.5, axis=1)
    labels = truth.copy()
    labels[800:880] = 4  # 80 examples of class 2
    found = swaps(wrong_by_pair(outputs, labels, 0.04))
    assert (found[0].given, found[0].likely) == (4, 2)
    assert 55 <= found[0].count <= 105
    assert found[0].count > 5 * found[1].count if len(found) > 1 else True
    order = some.permutation(2000)
    np.testing.assert_allclose(
        wrong_by_pair(outputs[order], labels[order], 0.04), wrong_by_pair(outputs, labels, 0.04)
    )
