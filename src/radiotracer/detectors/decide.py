"""From a ranking to a list of suspects: a threshold, a budget, or the calibrated default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiotracer.detectors.label_posterior import CALIBRATED_THRESHOLD, LabelPosterior
from radiotracer.errors import InputError

Tail = Literal["upper", "lower", "both"]
"""Which scores are suspicious: high ones (the convention), low ones, or both."""


@dataclass(frozen=True)
class Rule:
    """How to decide: by a threshold or by a budget, exactly one of them.

    Args:
        threshold: gamma. ``upper``: score >= gamma; ``lower``: score <= -gamma; ``both``: either.
        top: A budget: this many examples, the most suspicious ones first.
        tail: Which scores are suspicious.
        because: Where the rule comes from, for people.
    """

    threshold: float | None = None
    top: int | None = None
    tail: Tail = "upper"
    because: str = ""

    def __post_init__(self) -> None:
        """Refuse rules that contradict themselves."""
        if (self.threshold is None) == (self.top is None):
            raise InputError(
                expected="either --threshold or --top",
                came="neither" if self.top is None else "both",
                do="pass one of them",
            )
        if self.threshold is not None and not np.isfinite(self.threshold):
            raise InputError(
                expected="a finite --threshold", came=str(self.threshold), do="pass a number"
            )
        if self.top is not None and self.top < 0:
            raise InputError(
                expected="--top of at least 0", came=str(self.top), do="pass --top 100"
            )


@dataclass(frozen=True)
class Decision:
    """Suspects, bool, shape (n,); ranks, 1 = most suspicious, shape (n,); the rule in words.

    `threshold` is the score from which examples are suspects, for plots; None when the rule has
    none or looks at another tail than the upper one.
    """

    suspects: NDArray[np.bool_]
    ranks: NDArray[np.int64]
    words: str
    threshold: float | None


def calibrated(detector: str, posterior: NDArray[np.float64]) -> Rule:
    """The rule for those who give none.

    `label-posterior` says itself what is more likely changed than not. Another detector has no
    scale of its own: its highest scores are taken, as many as `label-posterior` flags.

    Args:
        detector: Name of the detector that decides.
        posterior: The scores of `label-posterior`, shape (n,).
    """
    if detector == LabelPosterior().name:
        return Rule(
            threshold=CALIBRATED_THRESHOLD, because="the label is more likely changed than not"
        )
    budget = int((posterior >= CALIBRATED_THRESHOLD).sum())
    return Rule(top=budget, because="as many as label-posterior finds more likely changed than not")


def decide(scores: NDArray[np.float64], rule: Rule) -> Decision:
    """Turn scores, shape (n,), finite, higher = more suspicious, into suspects."""
    suspicion = {"upper": scores, "lower": -scores, "both": np.abs(scores)}[rule.tail]
    # Stable: examples with equal scores stay in the order of the data.
    order = np.argsort(-suspicion, kind="stable")
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[order] = np.arange(1, len(scores) + 1)
    if rule.threshold is not None:
        suspects = suspicion >= rule.threshold
        words = {
            "upper": f"score >= {rule.threshold:.4g}",
            "lower": f"score <= {-rule.threshold:.4g}",
            "both": f"score >= {rule.threshold:.4g} or score <= {-rule.threshold:.4g}",
        }[rule.tail]
    else:
        suspects = ranks <= (rule.top or 0)
        ends = {"upper": "highest", "lower": "lowest", "both": "largest absolute"}[rule.tail]
        words = f"the {rule.top} {ends} scores"
    if rule.because:
        words = f"{words} ({rule.because})"
    return Decision(suspects, ranks, words, rule.threshold if rule.tail == "upper" else None)
