"""One way to see all examples, and the kinds of models that may form an opinion on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.opinions.head import LINEAR, Head
from radiotracer.opinions.reduced import Reduction, reduction_of


@dataclass(frozen=True, eq=False)
class View:
    """What models are given of n training examples, and of m validation ones.

    Args:
        words: What it is, for people: ``"efficientnet-lite0"``.
        points: Of the training examples, an array or a sparse matrix of n rows.
        validation: The same of the validation examples, m rows; None where there are none.
        heads: What may be fitted to it.
        reduction: What made points of features, where something did.
        features: What detectors that compare examples are shown, float32, shape (n, d).
        validation_features: The same, shape (m, d).
    """

    words: str
    points: Any
    validation: Any
    heads: Sequence[Head]
    reduction: Reduction | None = None
    features: NDArray[np.float32] | None = None
    validation_features: NDArray[np.float32] | None = None


def view_of(
    words: str,
    features: NDArray[np.float32],
    validation: NDArray[np.float32] | None = None,
    heads: Sequence[Head] = LINEAR,
) -> View:
    """Features as linear models are given them: reduced."""
    reduction = reduction_of(features)
    shown = None if validation is None else reduction(validation)
    return View(words, reduction(features), shown, heads, reduction, features, validation)
