"""A rule, which says how many examples are flagged, and what it makes of a ranking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError

Tail = Literal["upper", "lower", "both"]
"""Which scores are suspicious: high ones (the convention), low ones, or both."""


@dataclass(frozen=True)
class Rule:
    """How to decide: by a threshold, a number or a false discovery rate, exactly one of them.

    Args:
        threshold: gamma. ``upper``: score >= gamma; ``lower``: score <= -gamma; ``both``: either.
        top_k: This many examples, the most suspicious ones first.
        fdr: Expected share of clean examples among those flagged, in (0, 1): guaranteed against a
            clean reference, otherwise estimated; see `decide`.
        storey: Whether the share of clean examples is estimated, which finds more where many are
            tampered with; with `fdr` and a clean reference only.
        tail: Which scores are suspicious; for `fdr` always the upper one.
        because: Where the rule comes from, for people.
    """

    threshold: float | None = None
    top_k: int | None = None
    fdr: float | None = None
    storey: bool = False
    tail: Tail = "upper"
    because: str = ""

    def __post_init__(self) -> None:
        """Refuse rules that contradict themselves."""
        given = sum(each is not None for each in (self.threshold, self.top_k, self.fdr))
        if given != 1:
            raise InputError(
                expected="one of threshold=, top_k= and fdr=",
                came="none" if given == 0 else f"{given} of them",
                do="pass one of them",
            )
        if self.fdr is not None and not 0.0 < self.fdr < 1.0:
            raise InputError(
                expected="fdr= in (0, 1), a false discovery rate",
                came=f"{self.fdr:g}",
                do="pass, say, fdr=0.05",
            )
        if self.storey and self.fdr is None:
            raise InputError(
                expected="fdr= beside storey=", came="another rule", do="leave out storey="
            )
        if self.threshold is not None and not np.isfinite(self.threshold):
            raise InputError(
                expected="a finite threshold=", came=str(self.threshold), do="pass a number"
            )
        if self.top_k is not None and self.top_k < 0:
            raise InputError(
                expected="top_k= of at least 0", came=str(self.top_k), do="pass, say, top_k=100"
            )


@dataclass(frozen=True)
class Decision:
    """What a rule makes of a ranking.

    Args:
        is_flagged: bool, shape (n,).
        ranks: 1 = most suspicious, shape (n,); those flagged come first, a clean reference last.
        words: The rule, for people.
        threshold: The score from which examples are flagged, for plots; None when the rule has
            none, looks at another tail than the upper one, or at every class by itself.
        p_values: What was decided by, or could have been, shape (n,), NaN where an example was not
            asked about; None when there are none.
        q_values: The smallest false discovery rate at which each example is flagged, shape (n,),
            NaN where there is no p-value; None when there are neither p-values nor an estimate.
        inconclusive: Why nothing could be found, although there may be something; otherwise None.
        nearly: What a higher estimated rate would flag, where nothing is flagged by the detector's
            own p-values and that rate is not far (`NEAR`); otherwise None.
    """

    is_flagged: NDArray[np.bool_]
    ranks: NDArray[np.int64]
    words: str
    threshold: float | None
    p_values: NDArray[np.float64] | None = None
    q_values: NDArray[np.float64] | None = None
    inconclusive: str | None = None
    nearly: str | None = None

    def __repr__(self) -> str:
        """How many are flagged, and by which rule."""
        flagged, n = int(self.is_flagged.sum()), len(self.is_flagged)
        return f"Decision({flagged:,} of {n:,} flagged: {self.words[:150]})"
