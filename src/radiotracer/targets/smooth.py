"""The least of a smooth function of a few numbers, many times over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Floats = NDArray[np.float64]

STEP = 1e-6
"""Of the differences that stand for derivatives."""

_SETTINGS = {"ftol": 1e-8, "gtol": 1e-2, "maxiter": 200}


def least(
    function: Callable[[Floats], Floats],
    start: Sequence[float] | Floats,
    bounds: Sequence[tuple[float, float]],
) -> tuple[float, Floats]:
    """The least value near a start, and where it is, shape (k,).

    A point and its k neighbours are asked about at once: with scipy's own differences, one call
    after the other, a likelihood of a few hundred numbers takes twenty times as long.

    Args:
        function: From points, shape (p, k), to values, shape (p,).
        start: Shape (k,).
        bounds: Lowest and highest of each number.
    """
    steps = np.concatenate([np.zeros((1, len(bounds))), STEP * np.eye(len(bounds))])

    def with_slope(point: Floats) -> tuple[float, Floats]:
        values = function(point + steps)
        return float(values[0]), (values[1:] - values[0]) / STEP

    found: Any = minimize(
        with_slope, np.asarray(start), jac=True, method="L-BFGS-B", bounds=bounds, options=_SETTINGS
    )
    return float(found.fun), np.asarray(found.x, dtype=np.float64)
