"""How many of the hypotheses are false, at least: a bound that no choice among them can spoil.

Closed testing rejects that *all* of some hypotheses are true only if it rejects so for every larger
set of them. The largest set that it does not reject has h members, and so, with the confidence
asked for, at least n - h of all n hypotheses are false: whichever they are.

Sets are tested by Simes' inequality, which holds for p-values that are independent or PRDS, as
conformal p-values of one reference are. A set of i is rejected if for some j its j-th smallest
p-value is at most j alpha / i. Of all sets of i, the one of the i largest p-values is hardest to
reject; and if it is not rejected, neither is that of the i - 1 largest, since (i - 1)(j + 1) >= i j
for j < i: h is found by halving, in O(n log n).

Sources: Simes, Biometrika 73 (1986); Hommel, Biometrika 75 (1988); Goeman and Solari, "Multiple
testing for exploratory research", Statistical Science 26 (2011); Goeman, Meijer, Krebs and Solari,
"Simultaneous control of all false discovery proportions in large-scale multiple hypothesis
testing", Biometrika 106 (2019), whose algorithm is linear after the sorting.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radiotracer.errors import InputError

_ROUNDING = 1e-12
"""Relative error of a product or quotient of a few floats, which must not decide."""


def at_least(p_values: ArrayLike, level: float = 0.95) -> int:
    """A lower confidence bound on the number of false null hypotheses among all.

    Args:
        p_values: Shape (n,), in [0, 1]; NaN where a hypothesis is not tested, which then counts as
            true.
        level: With which probability the bound holds, in (0, 1).

    Returns:
        n - h, in [0, n]; 0 where nothing can be said.

    Raises:
        InputError: A level or p-values out of range, or more than one axis.
    """
    given = np.asarray(p_values, dtype=np.float64)
    tested = np.sort(given[~np.isnan(given)]) if given.ndim == 1 else np.zeros(0)
    if given.ndim != 1 or (tested.size and not (tested[0] >= 0.0 and tested[-1] <= 1.0)):
        raise InputError(
            expected="p-values in [0, 1] of shape (n,)",
            came=f"shape {given.shape}" if given.ndim != 1 else f"{tested[0]:g} to {tested[-1]:g}",
            do="pass one per hypothesis",
        )
    if not 0.0 < level < 1.0:
        raise InputError(expected="level= in (0, 1)", came=f"{level:g}", do="pass level=0.95")
    alpha = (1.0 - level) * (1.0 + _ROUNDING)
    kept, rejected = 0, len(tested) + 1
    while rejected - kept > 1:
        middle = (kept + rejected) // 2
        if _rejected(tested[len(tested) - middle :], alpha):
            rejected = middle
        else:
            kept = middle
    return len(tested) - kept


def _rejected(p_values: NDArray[np.float64], alpha: float) -> bool:
    """Simes' test of ascending p-values, shape (i,)."""
    count = len(p_values)
    return bool((count * p_values <= alpha * np.arange(1, count + 1)).any())
