"""From a ranking to a list of suspects: a threshold, a budget, or a false discovery rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from radiotracer.detectors.label_posterior import CALIBRATED_THRESHOLD
from radiotracer.detectors.protocol import Ranking
from radiotracer.errors import InputError

FALSE_DISCOVERY_RATE = 0.05
"""Share of honest examples among the suspects that the default rule aims at."""

NARROW: Mapping[str, float] = {"known-target": 0.02}
"""The same of detectors that ask about one class only: they need less to find as much."""

FALLBACK = "label-posterior"
"""The detector that needs no trusted queries and still has a scale of its own."""

Tail = Literal["upper", "lower", "both"]
"""Which scores are suspicious: high ones (the convention), low ones, or both."""


@dataclass(frozen=True)
class Rule:
    """How to decide: by a threshold, a budget or a false discovery rate, exactly one of them.

    Args:
        threshold: gamma. ``upper``: score >= gamma; ``lower``: score <= -gamma; ``both``: either.
        top: A budget: this many examples, the most suspicious ones first.
        fdr: Expected share of honest examples among the suspects, in (0, 1): the procedure of
            Benjamini and Hochberg (1995) on the detector's p-values, and as good as these are.
        tail: Which scores are suspicious; of p-values always the upper one.
        because: Where the rule comes from, for people.
    """

    threshold: float | None = None
    top: int | None = None
    fdr: float | None = None
    tail: Tail = "upper"
    because: str = ""

    def __post_init__(self) -> None:
        """Refuse rules that contradict themselves."""
        given = sum(each is not None for each in (self.threshold, self.top, self.fdr))
        if given != 1:
            raise InputError(
                expected="one of --threshold, --top and a false discovery rate",
                came="none" if given == 0 else f"{given} of them",
                do="pass one of them",
            )
        if self.fdr is not None and not 0.0 < self.fdr < 1.0:
            raise InputError(
                expected="a false discovery rate in (0, 1)", came=f"{self.fdr:g}", do="pass 0.05"
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
    """What a rule makes of a ranking.

    Args:
        suspects: bool, shape (n,).
        ranks: 1 = most suspicious, shape (n,).
        words: The rule, for people.
        threshold: The score from which examples are suspects, for plots; None when the rule has
            none or looks at another tail than the upper one.
        q_values: The smallest false discovery rate at which each example is a suspect, shape (n,),
            NaN where there is no p-value; None when the detector has no p-values.
    """

    suspects: NDArray[np.bool_]
    ranks: NDArray[np.int64]
    words: str
    threshold: float | None
    q_values: NDArray[np.float64] | None = None


def calibrated(detector: str, rankings: Mapping[str, Ranking]) -> Rule:
    """The rule for those who give none.

    A detector with p-values decides by `FALSE_DISCOVERY_RATE`; `label-posterior` says itself what
    is more likely changed than not. Another detector has no scale of its own: its highest scores
    are taken, as many as `contrast` flags, or `label-posterior` where `contrast` did not run.

    Args:
        detector: Name of the detector that decides.
        rankings: By detector name; `label-posterior` is among them.
    """
    if rankings[detector].p_values is not None:
        rate = NARROW.get(detector, FALSE_DISCOVERY_RATE)
        return Rule(
            fdr=rate, because=f"about 1 suspect in {round(1 / rate)} is expected to be honest"
        )
    if detector == FALLBACK:
        return Rule(
            threshold=CALIBRATED_THRESHOLD, because="the label is more likely changed than not"
        )
    able = next((name for name, each in rankings.items() if each.p_values is not None), FALLBACK)
    found = decide(rankings[able], calibrated(able, rankings))
    return Rule(top=int(found.suspects.sum()), because=f"as many as {able} flags")


def decide(ranking: Ranking, rule: Rule) -> Decision:
    """Turn a ranking of n examples into suspects.

    Raises:
        InputError: The rule is a false discovery rate, and the detector has no p-values.
    """
    scores = ranking.scores
    suspicion = {"upper": scores, "lower": -scores, "both": np.abs(scores)}[rule.tail]
    # Stable: examples with equal scores stay in the order of the data.
    order = np.argsort(-suspicion, kind="stable")
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[order] = np.arange(1, len(scores) + 1)
    q_values = None if ranking.p_values is None else _q_values(ranking.p_values)
    threshold = rule.threshold if rule.tail == "upper" else None
    if rule.fdr is not None:
        if q_values is None:
            raise InputError(
                expected="a detector with p-values for a false discovery rate",
                came="one without",
                do="decide by contrast, or pass --threshold or --top",
            )
        suspects = q_values <= rule.fdr
        threshold = float(scores[suspects].min()) if suspects.any() else None
        words = f"false discovery rate <= {rule.fdr:g}"
    elif rule.threshold is not None:
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
    return Decision(suspects, ranks, words, threshold, q_values)


def _q_values(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Benjamini and Hochberg's, among those that there is a p-value of; else NaN."""
    asked = np.isfinite(p_values)
    q_values = np.full(len(p_values), np.nan)
    if asked.any():
        q_values[asked] = false_discovery_control(p_values[asked])
    return q_values
