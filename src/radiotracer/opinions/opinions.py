"""What models that never saw an example's own label think of its label."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from radiotracer.opinions.noise import Noise


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
        features: What the models are given, float32, shape (n, d); None where they are unknown.
        validation_features: The same, shape (m, d).
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
    seconds: float = 0.0

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(self.outputs.shape[1])

    @property
    def validation_outputs(self) -> NDArray[np.float64] | None:
        """Log of the mean probabilities of the K models, shape (m, C)."""
        if self.validation is None:
            return None
        mean = np.exp(self.validation.astype(np.float64)).mean(axis=0)
        found: NDArray[np.float64] = np.log(np.maximum(mean, np.finfo(np.float64).tiny))
        return found
