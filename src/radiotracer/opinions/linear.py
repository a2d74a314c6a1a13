"""Logistic regression that knows that some labels are wrong: the model behind an opinion.

With logits ``z = W x + b`` the loss of an example of label y is

    -log((1 - c) softmax(z)_y + c / C)

the likelihood if a share c of the labels were drawn at random (the symmetric case of forward
correction: Patrini et al. 2017, arXiv:1609.03683, theorem 2). An example that the others contradict
costs at most ``-log(c / C)`` and pulls no harder than that, where plain logistic regression bends
to it. The weights, not the biases, are decayed: mean loss + decay x squared weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import issparse
from scipy.special import log_softmax

AT_RANDOM = 0.1
"""c. Between 0.05 and 0.2 little changes, whether labels are wrong or not."""

STEPS = 100
"""Steps of L-BFGS at most: a head that is nearly fitted is good enough."""

TOLERANCE = 1e-7
"""Relative gain of a step below which no further one is made."""

Weights = NDArray[np.float32]
"""Shape (d + 1, C); the last row has the biases."""


def fit_linear(
    points: Any,
    labels: NDArray[np.int64],
    classes: int,
    decay: float,
) -> Weights:
    """The weights of least loss.

    Args:
        points: Dense or sparse, float32, shape (n, d), where rows have a squared length of d or of
            some hundreds.
        labels: Shape (n,).
        classes: C.
        decay: Of the squared weights.
    """
    n, d = points.shape
    rows = np.arange(n)
    # Directions along which the loss bends alike: several times fewer steps.
    square = points.multiply(points) if issparse(points) else np.square(points)
    bend = np.sqrt(np.asarray(square.mean(axis=0)).ravel() / classes + 2.0 * decay)
    scale = np.append(bend, np.sqrt(1.0 / classes))[:, np.newaxis].astype(np.float32)

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(d + 1, classes).astype(np.float32) / scale
        said = points @ weights[:-1]
        said += weights[-1]
        said -= said.max(axis=1, keepdims=True)
        np.exp(said, out=said)
        said /= said.sum(axis=1, keepdims=True)
        own = said[rows, labels]
        likely = (1.0 - AT_RANDOM) * own + AT_RANDOM / classes
        # d loss / d z = pull (softmax - one-hot), pull in [0, 1): near 0 where all else speaks
        # against the label.
        pull = ((1.0 - AT_RANDOM) * own / likely / n).astype(np.float32)
        said *= pull[:, np.newaxis]
        said[rows, labels] -= pull
        gradient = np.concatenate([points.T @ said, said.sum(axis=0, keepdims=True)])
        gradient[:-1] += 2.0 * decay * weights[:-1]
        value = -np.log(likely, dtype=np.float64).mean()
        value += decay * float(np.square(weights[:-1], dtype=np.float64).sum())
        return float(value), (gradient / scale).astype(np.float64).ravel()

    first = np.zeros((d + 1) * classes)
    options = {"maxiter": STEPS, "ftol": TOLERANCE, "gtol": 1e-5}
    found = minimize(loss, first, jac=True, method="L-BFGS-B", options=options)
    weights: Weights = found.x.reshape(d + 1, classes).astype(np.float32) / scale
    return weights


def say_linear(weights: Weights, points: Any) -> NDArray[np.float32]:
    """Log probabilities, shape (n, C)."""
    found: NDArray[np.float32] = log_softmax(points @ weights[:-1] + weights[-1], axis=1)
    return found
