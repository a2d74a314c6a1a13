"""What can form an opinion on features, and which of them is right most often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.opinions.linear import fit_linear, say_linear
from radiotracer.opinions.trees import fit_trees

Say = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From points, shape (m, d), to log probabilities, shape (m, C)."""

FLOOR = -30.0
"""Log probability that no opinion goes below: nobody is surer than that."""


@dataclass(frozen=True)
class Head:
    """One kind of model, with its settings.

    Args:
        words: For people.
        fit: From points, shape (n, d), their labels and C to what the model says.
        raw: Whether it is given the features as they are, not their reduction.
    """

    words: str
    fit: Callable[[NDArray[np.float32], NDArray[np.int64], int], Say]
    raw: bool = False


def linear(decay: float) -> Head:
    """Logistic regression on the reduced features."""

    def fit(points: NDArray[np.float32], labels: NDArray[np.int64], classes: int) -> Say:
        weights = fit_linear(points, labels, classes, decay)
        return lambda others: say_linear(weights, others)

    return Head(f"a linear model (decay {decay:g})", fit)


LINEAR = tuple(linear(decay) for decay in (0.1, 0.03, 0.01, 0.003, 0.0003))
"""From the most to the least held back."""

TREES = Head("boosted trees", fit_trees, raw=True)
"""For columns that mean something by themselves."""
