"""What can form an opinion on examples: kinds of models, with their settings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.opinions.linear import fit_linear, say_linear
from radiotracer.opinions.trees import fit_trees

Say = Callable[[NDArray[Any]], NDArray[np.float32]]
"""From points, m rows, to log probabilities, shape (m, C)."""

FLOOR = -30.0
"""Log probability that no opinion goes below: nobody is surer than that."""


@dataclass(frozen=True)
class Head:
    """One kind of model, with its settings.

    Args:
        words: For people.
        fit: From points, n rows, their labels and C to what the model says.
        alone: Whether no other may be fitted meanwhile: it draws random numbers of the process.
    """

    words: str
    fit: Callable[[NDArray[Any], NDArray[np.int64], int], Say]
    alone: bool = False


def linear(decay: float) -> Head:
    """Logistic regression on the reduced features."""

    def fit(points: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> Say:
        weights = fit_linear(points, labels, classes, decay)
        return lambda others: say_linear(weights, others)

    return Head(f"a linear model (decay {decay:g})", fit)


LINEAR = tuple(linear(decay) for decay in (0.1, 0.03, 0.01, 0.003, 0.0003))
"""From the most to the least held back."""


def trees(categories: Sequence[int] = ()) -> Head:
    """Boosted trees on columns as they are; those at `categories` hold numbers of categories."""
    return Head("boosted trees", functools.partial(fit_trees, categories=tuple(categories)))
