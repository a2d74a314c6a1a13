"""What cannot be checked is refused in one line, before anything is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.targets import check_multilabel, check_regression

X = np.random.default_rng(100).normal(size=(30, 3))
Y = X[:, 0].copy()
L = (X > 0).astype(int)


def with_one(values: np.ndarray, value: float) -> np.ndarray:
    changed = values.astype(float)
    changed[4] = value
    return changed


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"features": X[:19], "targets": Y[:19]}, DataError, "at least 20 examples"),
        ({"features": X, "targets": Y[:29]}, DataError, "a target for each of 30"),
        ({"features": X, "targets": with_one(Y, np.nan)}, NotFiniteError, "finite targets"),
        ({"features": X, "targets": with_one(Y, np.inf)}, NotFiniteError, "for 1 of 30"),
        ({"features": X, "targets": np.ones(30)}, DataError, "targets that differ"),
        ({"features": X, "targets": ["a"] * 30}, DataError, "targets that are numbers"),
        ({"features": X, "targets": L}, DataError, "of shape"),
        (
            {"features": with_one(X, np.inf), "targets": Y},
            NotFiniteError,
            "that are finite",
        ),
        ({"features": Y, "targets": Y}, DataError, r"features of shape \(n, d\)"),
        ({"features": [{}] * 30, "targets": Y}, DataError, "a list of texts"),
        ({"features": ["a word", 3] * 15, "targets": Y}, DataError, "all text"),
        ({"features": X, "targets": Y, "rate": 1.0}, InputError, "rate="),
        ({"features": X, "targets": Y, "validation": X}, InputError, "as a pair"),
        (
            {"features": X, "targets": Y, "validation": (X[:, :2], Y)},
            DataError,
            "3 features of",
        ),
        ({"features": X, "targets": Y, "validation": (X, Y[:3])}, DataError, "a validation target"),
    ],
)
def test_numbers_that_cannot_be_checked(
    given: dict[str, Any], kind: type[InputError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        check_regression(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"features": X, "labels": L[:, 0]}, DataError, r"of shape \(n, L\)"),
        ({"features": X, "labels": L + 1}, DataError, "that are 0 or 1; got 2"),
        ({"features": X, "labels": with_one(L, np.nan)}, NotFiniteError, "0 or 1"),
        ({"features": X, "labels": L[:20]}, DataError, "labels for each of 30"),
        ({"features": X, "labels": L, "names": ["a", "b"]}, DataError, "3 different names="),
        ({"features": X, "labels": L, "names": ["a", "b", "b"]}, DataError, "2 of them different"),
        (
            {"features": X, "labels": L, "validation": (X, L[:, :2])},
            DataError,
            "3 validation",
        ),
        ({"features": X[:19], "labels": L[:19]}, DataError, "at least 20 examples"),
    ],
)
def test_labels_that_cannot_be_checked(
    given: dict[str, Any], kind: type[InputError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        check_multilabel(**given)
    assert "\n" not in str(caught.value)
