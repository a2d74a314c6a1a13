"""Flips that follow a model or a confusion matrix: never a no-op, drawn as they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from recipe_helpers import Digits, nothing_disturbed
from test_label_flip import FLAT, check, drawn, labelled, seeds, shares
from torch import nn

from radiotracer.data import Dataset
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.recipes import (
    confusion_flip,
    nearest_flip,
)


class Constant(nn.Module):
    """The same scores for every image."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.tensor(scores))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.scores.expand(len(inputs), -1)


@given(before=drawn(), share=shares, seed=seeds, data=st.data())
def test_nearest_flip(before: Dataset, share: float, seed: int, data: st.DataObject) -> None:
    count = round(share * len(before))
    assume(count > 0)
    classes = len(before.class_names)
    order = data.draw(st.permutations(range(classes)))
    model = Constant([float(score) for score in order])
    after, manifest = nearest_flip(before, model, share=share, seed=seed)
    check(before, after, manifest, "nearest-flip", count)
    best, second = order.index(classes - 1), order.index(classes - 2)
    expected = np.where(before.labels == best, second, best)[manifest.is_tampered]
    np.testing.assert_array_equal(after.labels[manifest.is_tampered], expected)


def test_nearest_flip_asks_the_network(digits: Digits) -> None:
    before = digits.train
    with nothing_disturbed(digits.model, before):
        after, manifest = nearest_flip(before, digits.model, share=0.3, seed=0)
    check(before, after, manifest, "nearest-flip", 360)
    with torch.no_grad():
        scores = digits.model(to_inputs(before.content)).numpy().copy()
    scores[np.arange(len(before)), before.labels] = -np.inf
    rows = manifest.is_tampered
    np.testing.assert_array_equal(after.labels[rows], scores.argmax(axis=1)[rows])
    assert not np.array_equal(
        rows, nearest_flip(before, digits.model, share=0.3, seed=1)[1].is_tampered
    )


def test_nearest_flip_by_a_broken_network() -> None:
    with pytest.raises(NotFiniteError) as caught:
        nearest_flip(FLAT, Constant([0.0, float("nan"), 1.0]), share=0.5, seed=0)
    assert str(caught.value) == (
        "expected a network that gives finite outputs; got NaN or infinity; check its weights"
    )


@given(before=drawn(), share=shares, seed=seeds, data=st.data())
def test_confusion_flip(before: Dataset, share: float, seed: int, data: st.DataObject) -> None:
    count = round(share * len(before))
    assume(count > 0)
    classes = len(before.class_names)
    # From nothing over the smallest numbers there are to very large ones.
    shares = st.floats(0.0, 1e300) | st.just(0.0)
    confusion = data.draw(arrays.arrays(np.float64, (classes, classes), elements=shares))
    empty = (confusion * (1 - np.eye(classes))).sum(axis=1) == 0
    confusion[empty, (np.flatnonzero(empty) + 1) % classes] = 1.0
    beside = confusion * (1 - np.eye(classes))
    original = confusion.copy()
    after, manifest = confusion_flip(before, confusion, share=share, seed=seed)
    check(before, after, manifest, "confusion-flip", count)
    rows = manifest.is_tampered
    assert (beside[before.labels[rows], after.labels[rows]] > 0).all()
    np.testing.assert_array_equal(confusion, original)
    again, _ = confusion_flip(before, confusion, share=share, seed=seed)
    np.testing.assert_array_equal(again.labels, after.labels)


def test_wrong_labels_come_as_often_as_the_matrix_says() -> None:
    # 9,000 draws of class 1 with shares 1/4, 0, 3/4: Binomial, sd 41. Beyond six: below 2e-9.
    before = labelled([1] * 10_000, 4)
    confusion = np.array([[0, 0, 0, 1], [1, 50, 0, 3], [1, 0, 0, 0], [1, 0, 0, 0]])
    after, _ = confusion_flip(before, confusion, share=0.9, seed=0)
    counts = np.bincount(after.labels, minlength=4)
    assert counts[1] == 1000 and counts[2] == 0
    assert abs(counts[0] - 2250) < 6 * 41.1 and abs(counts[3] - 6750) < 6 * 41.1


@pytest.mark.parametrize(
    ("confusion", "text"),
    [
        (
            np.ones((3, 2)),
            "expected a confusion matrix of shape (3, 3); got shape (3, 2); "
            "give one row and one column per class",
        ),
        (
            np.array([[0, 2, -1], [1, 0, 1], [1, 1, 0]]),
            "expected a confusion matrix of finite numbers that are not negative; got others; "
            "give counts or shares",
        ),
        (
            np.array([[0, np.nan, 1], [1, 0, 1], [1, 1, 0]]),
            "expected a confusion matrix of finite numbers that are not negative; got others; "
            "give counts or shares",
        ),
        (
            np.array([[5, 1, 0], [0, 5, 0], [0, 0, 5]]),
            "expected a wrong class for every class that has examples; "
            "got only zeros beside the diagonal for 'b'; add to that row of the confusion matrix",
        ),
    ],
)
def test_unusable_matrices(confusion: np.ndarray, text: str) -> None:
    with pytest.raises(InputError) as caught:
        confusion_flip(FLAT, confusion, share=0.5, seed=0)
    assert str(caught.value) == text


def test_a_row_that_nobody_needs_may_be_empty() -> None:
    # Class 'c' has no example.
    confusion = np.array([[0, 0, 1], [1, 0, 0], [0, 0, 0]])
    after, _ = confusion_flip(FLAT, confusion, share=0.9, seed=0)
    assert set(after.labels) <= {0, 1, 2}


def test_one_class() -> None:
    one = labelled([0, 0, 0], 1)
    for flip in (
        lambda: nearest_flip(one, Constant([0.0]), share=0.5, seed=0),
        lambda: confusion_flip(one, np.ones((1, 1)), share=0.5, seed=0),
    ):
        with pytest.raises(InputError) as caught:
            flip()
        assert str(caught.value) == "expected two classes or more; got one; choose other data"
