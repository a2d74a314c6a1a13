"""What the experiment found, ready for JSON."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiotracer.detectors import Rule, decide, decided, detection
from radiotracer.reproduce.tracein.methods import Scored


@dataclass(frozen=True)
class Found:
    """How well a method found the tampered points.

    Args:
        rule: The method's own rule in words; empty when it has none.
        recall: By that rule, or None.
        false_positive_rate: Likewise.
        recall_top: With as many flagged as were to be tampered with.
        false_positive_rate_top: Likewise.
        auprc: Average precision; chance is the share of tampered points.
    """

    rule: str
    recall: float | None
    false_positive_rate: float | None
    recall_top: float
    false_positive_rate_top: float
    auprc: float

    @staticmethod
    def of(scored: Scored, is_tampered: NDArray[np.bool_], budget: int) -> Found:
        """Judge a method's ranking of n points, and what it flags."""
        top = decided(decide(scored.ranking, Rule(top_k=budget)).is_flagged, is_tampered)
        own = None if scored.flagged is None else decided(scored.flagged, is_tampered)
        return Found(
            rule=scored.rule,
            recall=None if own is None else own.recall,
            false_positive_rate=None if own is None else own.false_positive_rate,
            recall_top=top.recall,
            false_positive_rate_top=top.false_positive_rate,
            auprc=detection(scored.ranking.scores, is_tampered).auprc,
        )


@dataclass(frozen=True)
class Trial:
    """One seed of one row: tampered points asked of both networks.

    Args:
        seed: The seed.
        kind: How the points were tampered with.
        failure: Why they could not be; then there is nothing else.
        tampered: How many there are.
        asked: How many points were asked about.
        attack_success: Share of the attacked images that each network gives the intended class,
            by network; empty without an attack.
        accuracy: Share of the test examples that each network gets right, by network.
        found: By network ("clean model", "poisoned model") and method.
    """

    seed: int
    kind: str
    failure: str | None
    tampered: int
    asked: int
    attack_success: dict[str, float]
    accuracy: dict[str, float]
    found: dict[str, dict[str, Found]]


@dataclass(frozen=True)
class TraceInResult:
    """The whole experiment: the `TraceInConfig` as a dict, and every trial."""

    settings: dict[str, object]
    trials: tuple[Trial, ...]
