"""Attacks of ART, by a stand-in with the same method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from recipe_helpers import Digits

from radiotracer.errors import InputError
from radiotracer.recipes import from_art

ROWS, LABELS = np.array([7, 3, 5]), np.array([1, 1, 2])


class Brighten:
    """Adds to its input in place, as some attacks do, and returns useless labels."""

    def __init__(self, by: float) -> None:
        self.by = by
        self.given: tuple[Any, Any] | None = None

    def poison(self, x: Any, y: Any = None) -> tuple[Any, Any]:
        self.given = (x.copy(), y)
        x += self.by
        return x, None


def test_images_and_labels_come_where_they_belong(digits: Digits) -> None:
    before, attack = digits.train, Brighten(0.2)
    after, manifest = from_art(before, attack, ROWS, LABELS)
    assert attack.given is not None
    inputs, hot = attack.given
    assert inputs.shape == (3, 1, 8, 8) and inputs.dtype == np.float32
    np.testing.assert_array_equal(hot.argmax(axis=1), LABELS)
    expected = before.content.copy()
    expected[ROWS] = np.minimum(before.content[ROWS].astype(int) + 51, 255)
    np.testing.assert_array_equal(after.content, expected)
    np.testing.assert_array_equal(after.labels[ROWS], LABELS)
    assert set(np.flatnonzero(manifest.is_tampered)) == set(ROWS)
    assert manifest.recipe == "art-Brighten"
    np.testing.assert_array_equal(manifest.original_labels, before.labels)


def test_what_changes_nothing_is_not_tampered(digits: Digits) -> None:
    after, manifest = from_art(digits.train, Brighten(0.0), ROWS, digits.train.labels[ROWS])
    assert not manifest.is_tampered.any() and after.digest == digits.train.digest


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        ([3, 3], [1, 1]),
        ([3, 1200], [1, 1]),
        ([-1, 3], [1, 1]),
        ([3, 4], [1, 10]),
        ([3, 4], [1]),
        ([], []),
    ],
)
def test_unusable_rows_and_labels(rows: list[int], labels: list[int], digits: Digits) -> None:
    with pytest.raises(InputError, match=r"^expected different rows below 1200 and a class below"):
        from_art(digits.train, Brighten(0.1), np.array(rows, np.int64), np.array(labels, np.int64))


def test_unusable_poisons(digits: Digits) -> None:
    with pytest.raises(InputError) as caught:
        from_art(digits.train, Brighten(np.nan), ROWS, LABELS)
    assert str(caught.value) == (
        "expected finite poisons of shape (3, 1, 8, 8) from Brighten; got shape (3, 1, 8, 8), "
        "or NaN or infinity; set the attack up for images of shape (k, channels, height, width) "
        "in [0, 1]"
    )
