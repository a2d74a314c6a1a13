"""Which entries are flagged, by estimated probabilities or by p-values against clean examples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.stats import at_least, clean_share, flagged, q_values, smallest_reference

SURE = 3.0
"""Standard errors by which models must do better than those that know nothing of the features."""


SHORT = 0.01
"""A list of this share of all is one that validation examples should be able to show."""


def longest_list(wrong: NDArray[np.float64], rate: float) -> NDArray[np.bool_]:
    """The longest list, most suspicious first, whose mean P(right) is at most the rate.

    A local false discovery rate (Efron, Tibshirani, Storey and Tusher 2001), which is as good as
    the probabilities are.

    Args:
        wrong: P(wrong), shape (n,).
        rate: In (0, 1).
    """
    order = np.argsort(-wrong, kind="stable")
    mean = np.cumsum(1.0 - wrong[order]) / np.arange(1, len(wrong) + 1)
    within = np.flatnonzero(mean <= rate)
    found = np.zeros(len(wrong), dtype=np.bool_)
    if len(within):
        found[order[: within[-1] + 1]] = True
    return found


def list_by_validation(
    p_values: NDArray[np.float64], m: int, rate: float
) -> tuple[NDArray[np.bool_] | None, int]:
    """Benjamini and Hochberg's list with an estimated share of clean ones, and how many are wrong.

    Args:
        p_values: Cross-conformal, shape (n,).
        m: Validation examples behind each.
        rate: In (0, 1).

    Returns:
        Flagged, shape (n,), or None where nothing is and m is so small that this says little; and a
        lower bound, at 95 %, on how many of all n are wrong.
    """
    share = min(clean_share(p_values, 1.0 / (m + 1)), 1.0)
    found = np.asarray(flagged(q_values(p_values, null_share=share), rate))
    enough = m >= smallest_reference(rate, SHORT)
    return found if enough or found.any() else None, at_least(p_values)


def too_small(m: int, n: int, rate: float) -> str:
    """What to say where validation examples are so few that a list of 1 % could not be flagged."""
    needed = smallest_reference(rate, SHORT)
    if m >= needed:
        return ""
    least = int(np.ceil(n / (rate * (m + 1)) * (1.0 - 1e-12)))
    return (
        f"{m:,} validation examples can only show lists of about {least:,} or more wrong ones "
        f"among {n:,}, and {needed:,} one of 1 %; where they show none, the list is an estimate"
    )


def surely_better(gain: NDArray[np.float64]) -> bool:
    """Whether a gain per example, shape (n,), is above 0 on average beyond chance."""
    error = float(gain.std()) / np.sqrt(max(len(gain), 1))
    return bool(gain.mean() > SURE * error and gain.mean() > 0.0)
