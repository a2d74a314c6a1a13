"""The scan statistic against a literal count over all pairs."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from radiotracer.detectors.contrast import crowd as crowd_of
from radiotracer.detectors.contrast.crowd import NEIGHBOURS, PSEUDO_COUNT, Labelled

Points = NDArray[np.float64]
Labels = NDArray[np.int64]


def labelled(points: Points, labels: Labels) -> Labelled:
    return Labelled(torch.from_numpy(points).float(), labels)


def by_hand(kind: str, train: tuple[Points, Labels], trusted: tuple[Points, Labels]) -> Points:
    """Around every example of `kind`, one pair after the other."""
    points, labels = {"train": train, "trusted": trusted}[kind]
    found = np.zeros(len(points))
    for i, (point, label) in enumerate(zip(points, labels, strict=True)):
        n = int((train[1] == label).sum())
        m = int((trusted[1] == label).sum())
        near = sorted(
            float(np.linalg.norm(point - other))
            for j, (other, its) in enumerate(zip(*train, strict=True))
            if its == label and not (kind == "train" and i == j)
        )
        vouching = [
            float(np.linalg.norm(point - other))
            for j, (other, its) in enumerate(zip(*trusted, strict=True))
            if its == label and not (kind == "trusted" and i == j)
        ]
        for k, radius in enumerate(near[:NEIGHBOURS], start=1):
            expected = (sum(each <= radius for each in vouching) + PSEUDO_COUNT) * n / m
            if k > expected:
                found[i] = max(found[i], k * np.log(k / expected) - (k - expected))
    return found


def both(train: tuple[Points, Labels], trusted: tuple[Points, Labels]) -> dict[str, Points]:
    mine, theirs = labelled(*train), labelled(*trusted)
    return {"train": crowd_of(mine, mine, theirs), "trusted": crowd_of(theirs, mine, theirs)}


@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize(("n", "m"), [(12, 6), (150, 90)])
def test_against_a_count_by_hand(n: int, m: int, offset: float) -> None:
    # Classes of half a dozen and of many examples; far from the origin too, where distances from
    # matrix products in float32 are bad.
    generator = np.random.default_rng(n)
    labels, asked = np.arange(n) % 2, np.arange(m) % 2
    labels[: n // 3] = 0
    points = generator.normal(size=(n, 3)) + offset
    points[: n // 4] = points[0] + generator.normal(size=(n // 4, 3)) * 0.05
    train, trusted = (points, labels), (generator.normal(size=(m, 3)) + offset, asked)
    found = both(train, trusted)
    for kind in ("train", "trusted"):
        expected = by_hand(kind, train, trusted)
        np.testing.assert_allclose(found[kind], expected, rtol=1e-4, atol=1e-4)
    if n > 100:
        assert found["train"].max() > 5


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    train = (generator.normal(size=(60, 2)), np.zeros(60, np.int64))
    trusted = (generator.normal(size=(40, 2)), np.zeros(40, np.int64))
    whole = both(train, trusted)
    module = importlib.import_module("radiotracer.detectors.contrast.crowd")
    monkeypatch.setattr(module, "ROWS", 7)
    for kind, found in both(train, trusted).items():
        np.testing.assert_allclose(found, whole[kind], rtol=1e-4, atol=1e-4)


def test_an_example_is_not_its_own_neighbour() -> None:
    # One training example of the label: there is nobody else, and so no crowd. As many trusted
    # ones as it takes for a single neighbour to be more than expected: 4 / 3 n_y < 1.
    alone = (np.zeros((1, 2)), np.zeros(1, np.int64))
    trusted = (np.full((50, 2), 9.0) + np.arange(100).reshape(50, 2), np.zeros(50, np.int64))
    found = both(alone, trusted)
    assert found["train"].tolist() == [0.0]
    # But to a trusted example it is one neighbour, where 4 / 50 are expected, or more.
    assert found["trusted"].max() > 0


def test_a_trusted_example_does_not_vouch_for_itself() -> None:
    # Ten training examples around one of twenty trusted ones, the others far away: within the
    # radius t is 0, not 1.
    generator = np.random.default_rng(1)
    train = (generator.normal(size=(10, 2)) * 0.01, np.zeros(10, np.int64))
    far = np.concatenate([np.zeros((1, 2)), 50.0 + np.arange(38).reshape(19, 2)])
    found = both(train, (far, np.zeros(20, np.int64)))
    expected = PSEUDO_COUNT * 10 / 20
    assert found["trusted"][0] == pytest.approx(10 * np.log(10 / expected) - (10 - expected))


def test_the_neighbours_are_as_many_as_the_class_has() -> None:
    # Eight of the label: seven neighbours, not fifty, and none of the other label.
    generator = np.random.default_rng(2)
    points = generator.normal(size=(108, 2)) * 0.01
    labels = np.repeat([0, 1], [8, 100])
    trusted = (np.full((40, 2), 5.0) + generator.normal(size=(40, 2)), np.arange(40) % 2)
    found = both((points, labels), trusted)["train"][:8]
    expected = PSEUDO_COUNT * 8 / 20
    np.testing.assert_allclose(found, 7 * np.log(7 / expected) - (7 - expected), rtol=1e-6)


def test_duplicates() -> None:
    # Six equal training examples among spread ones; then a trusted one in the same place, which
    # vouches for them from the first neighbour on.
    generator = np.random.default_rng(3)
    points = generator.normal(size=(20, 2))
    points[:6] = points[0]
    train = (points, np.zeros(20, np.int64))
    asked = generator.normal(size=(20, 2))
    for place in (asked[0], points[0]):
        asked[0] = place
        trusted = (asked, np.zeros(20, np.int64))
        found = both(train, trusted)
        for kind in ("train", "trusted"):
            np.testing.assert_allclose(found[kind], by_hand(kind, train, trusted), atol=1e-5)
    assert found["train"][:6].max() < 5 * np.log(5 / 3) - 2 + 1e-6


def test_a_label_that_no_training_example_has() -> None:
    train = (np.zeros((3, 2)), np.zeros(3, np.int64))
    trusted = (np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1]))
    assert both(train, trusted)["trusted"][2:].tolist() == [0.0, 0.0]


def test_a_dense_spot_that_trusted_examples_share_is_no_crowd() -> None:
    generator = np.random.default_rng(4)
    spread = generator.normal(size=(400, 4))
    spread[:40] *= 0.02
    asked = generator.normal(size=(400, 4))
    asked[:40] *= 0.02
    labels = np.zeros(400, np.int64)
    shared = both((spread, labels), (asked, labels))["train"]
    lonely = both((spread, labels), (generator.normal(size=(400, 4)), labels))["train"]
    assert lonely[:40].min() > 20 > 10 > shared[:40].max()
