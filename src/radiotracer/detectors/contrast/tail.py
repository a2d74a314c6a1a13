"""How often a validation example would score as high: beyond the sample's size, too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TAIL = 0.01
"""Share of the validation examples that the tail is fitted to."""

FEWEST = 10
"""Validation examples that the tail is fitted to at least, where there are as many."""


def p_values(scores: NDArray[np.float64], validation: NDArray[np.float64]) -> NDArray[np.float64]:
    """``P(score of a validation example >= score)``, shape (n,), in (0, 1].

    Up to the tail these are conformal p-values, ``(1 + #{validation >= score}) / (m + 1)`` (Bates
    et al. 2023), which hold for any scores if training and validation examples are drawn alike.
    They cannot be smaller than ``1 / (m + 1)``, too large for a few poisons among many examples. So
    the c largest validation scores, one hundredth of them or ten, are the tail. The excess over its
    smallest, the edge, is taken to be exponential; with S the sum of the c - 1 excesses observed,

        p = c / (m + 1) (1 + (score - edge) / S) ** (1 - c)

    is then exact for every m: the mean excess is not known but estimated, and from ten of them not
    well, which is why this falls more slowly than ``exp(-(score - edge) (c - 1) / S)``. It remains
    an extrapolation, and only as good as the assumption: heavier tails make it too small.

    Args:
        scores: Shape (n,).
        validation: Scores of m validation examples, none of which helped to score itself, m >= 1.
    """
    ordered = np.sort(validation)
    m = len(ordered)
    above = m - np.searchsorted(ordered, scores, side="left")
    values = np.asarray((1.0 + above) / (m + 1.0), dtype=np.float64)
    count = min(m, max(FEWEST, round(TAIL * m)))
    edge = ordered[m - count]
    total = float((ordered[m - count :] - edge).sum())
    if total <= 0.0:
        return values
    excess = np.maximum(scores - edge, 0.0)
    # Validation scores that are all but equal make the ratio infinite, and the fit 0.
    with np.errstate(over="ignore"):
        fitted = count / (m + 1.0) * np.exp((1 - count) * np.log1p(excess / total))
    tiny = np.finfo(np.float64).tiny
    result: NDArray[np.float64] = np.where(scores > edge, np.maximum(fitted, tiny), values)
    return result
