"""What models that never saw an example's own label think of its label."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from radiotracer.opinions.noise import Noise
from radiotracer.opinions.reduced import Reduction, reduction_of


@dataclass(frozen=True, eq=False)
class Opinions:
    """Out-of-fold opinions about n examples, C classes, and where there are any m validation ones.

    Args:
        labels: Given labels, int64, shape (n,).
        outputs: Log probabilities of what the example is, by a model that was fitted without it,
            sharpened by `noise`, float64, shape (n, C).
        folds: Which of the K models that was, int64, shape (n,).
        noise: The share of wrong labels that was estimated together with the sharpness.
        words: Who has these opinions, for people: ``"efficientnet-lite0, frozen; linear heads"``.
        validation_labels: Given labels, int64, shape (m,); None where there are none.
        validation: What each of the K models says of the validation examples, none of which it was
            fitted to, float32, shape (K, m, C).
        features: What is known of the examples, float32, shape (n, d); None where nothing is.
        validation_features: The same, shape (m, d).
        reduction: What the models were given of the features; None where that is not known.
        seconds: What it took.
    """

    labels: NDArray[np.int64]
    outputs: NDArray[np.float64] = field(repr=False)
    folds: NDArray[np.int64] = field(repr=False)
    words: str
    noise: Noise
    validation_labels: NDArray[np.int64] | None = field(default=None, repr=False)
    validation: NDArray[np.float32] | None = field(default=None, repr=False)
    features: NDArray[np.float32] | None = field(default=None, repr=False)
    validation_features: NDArray[np.float32] | None = field(default=None, repr=False)
    reduction: Reduction | None = field(default=None, repr=False)
    seconds: float = 0.0

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.outputs.shape[1])

    @functools.cached_property
    def points(self) -> tuple[NDArray[np.float32], NDArray[np.float32] | None] | None:
        """Reduced features, shapes (n, k) and (m, k): what models read, and what is compared."""
        if self.features is None:
            return None
        reduce = self.reduction if self.reduction is not None else reduction_of(self.features)
        shown = self.validation_features
        return reduce(self.features), None if shown is None else reduce(shown)

    @property
    def validation_outputs(self) -> NDArray[np.float64] | None:
        """Log of the mean probabilities of the K models, shape (m, C)."""
        if self.validation is None:
            return None
        mean = np.exp(self.validation.astype(np.float64)).mean(axis=0)
        found: NDArray[np.float64] = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
        return found
