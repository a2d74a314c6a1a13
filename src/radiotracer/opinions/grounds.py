"""Whether opinions are worth anything: what they know, and what they could find."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from radiotracer.opinions.noise import wrongness
from radiotracer.opinions.opinions import Opinions
from radiotracer.stats.closed_testing import at_least

LEAST_FINDABLE = 0.1
"""Share of randomly wrong labels that must be listed, or nothing is: below it an empty list would
say nothing about the data, and a short one little."""

SUPPOSED = 0.05
"""Share of wrong labels that is supposed where fewer are estimated, to say what would be found."""

BY_CHANCE = 1e-3
"""P-value from which on models know no more than the largest class."""

LEVEL = 0.95
"""Confidence of "at least so many labels are wrong"."""

MOST = 5_000
"""Examples whose probabilities of all classes are sorted to say what would be found."""

BINS = 10
LEAST_IN_BIN = 50

LEAST_IN_CLASS = 10
"""Examples of a class whose accuracy is worth a word."""


@dataclass(frozen=True)
class Bin:
    """How often labels were as they were given where the models expected it so often."""

    expected: float
    observed: float
    count: int


@dataclass(frozen=True, eq=False)
class Grounds:
    """What stands behind a verdict.

    Args:
        words: Who has the opinions.
        accuracy: Share of examples whose given label is the likeliest class out of fold, in [0, 1].
            Wrong labels lower it.
        chance: Share of the largest class: what guessing reaches.
        by_class: The same for each class, shape (C,); NaN for a class without examples.
        counts: Examples with each label, shape (C,).
        findable: Of labels that somebody changed at random, the share that would be listed at
            `rate`, by the models' own probabilities.
        rate: The false discovery rate of the list.
        share: Estimated share of wrong labels.
        low: Lower end of its 95 % interval.
        high: Upper end.
        reliability: Probability of labels beside how often they are so, bin by bin.
        at_least: So many labels are wrong at least, with 95 % confidence; None without validation
            examples.
        why_not: Why nothing can be said, for people; None where something can.
    """

    words: str
    accuracy: float
    chance: float
    by_class: NDArray[np.float64]
    counts: NDArray[np.int64]
    findable: float
    rate: float
    share: float
    low: float
    high: float
    reliability: tuple[Bin, ...]
    at_least: int | None
    why_not: str | None

    def as_json(self, class_names: tuple[str, ...]) -> dict[str, Any]:
        """What summary.json says of it."""
        return {
            "models": self.words,
            "accuracy": round(self.accuracy, 4),
            "chance": round(self.chance, 4),
            "accuracy_by_class": {
                name: round(float(each), 4)
                for name, each, count in zip(class_names, self.by_class, self.counts, strict=True)
                if count
            },
            "findable": round(self.findable, 4),
            "rate": self.rate,
            "wrong_share": round(self.share, 4),
            "wrong_share_interval": [round(self.low, 4), round(self.high, 4)],
            "at_least_wrong": self.at_least,
            "reliability": [
                {
                    "expected": round(each.expected, 4),
                    "observed": round(each.observed, 4),
                    "count": each.count,
                }
                for each in self.reliability
            ],
        }

    def lines(self, class_names: tuple[str, ...]) -> list[str]:
        """The same for people, in short sentences."""
        said = [
            f"Models that never saw an example name its label in {self.accuracy:.0%} of all cases "
            f"(guessing: {self.chance:.0%}): {self.words}."
        ]
        worst = [
            (share, name)
            for share, name, count in zip(self.by_class, class_names, self.counts, strict=True)
            if count >= LEAST_IN_CLASS
        ]
        if len(class_names) > 2 and worst:
            share, name = min(worst)
            said.append(f"Least known is {name} ({share:.0%}).")
        if self.why_not is None:
            said.append(
                f"Wrong labels: about {self.share:.1%} ({self.low:.1%} to {self.high:.1%}), if "
                "they fall on all classes alike."
            )
        if self.at_least:
            verb = "label is" if self.at_least == 1 else "labels are"
            said.append(f"At least {self.at_least:,} {verb} wrong (95% confidence).")
        if self.why_not is None:
            said.append(
                f"Of labels that are wrong at random about {self.findable:.0%} would be listed "
                f"at a false discovery rate of {self.rate:.0%}."
            )
        return said


def grounds_of(
    opinions: Opinions, rate: float, p_values: NDArray[np.float64] | None = None
) -> Grounds:
    """Judge opinions by the labels that they did not see.

    Args:
        opinions: About n examples.
        rate: The false discovery rate that lists are to keep, in (0, 1).
        p_values: Of the examples, where there are validation examples, shape (n,).
    """
    labels, said = opinions.labels, opinions.outputs.argmax(axis=1)
    right = said == labels
    counts = np.bincount(labels, minlength=opinions.classes)
    hits = np.bincount(labels[right], minlength=opinions.classes)
    by_class = np.divide(hits, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    accuracy, chance = float(right.mean()), float(counts.max() / len(labels))
    findable = findable_share(opinions, rate)
    noise = opinions.noise
    return Grounds(
        words=opinions.words,
        accuracy=accuracy,
        chance=chance,
        by_class=by_class,
        counts=counts,
        findable=findable,
        rate=rate,
        share=noise.share,
        low=noise.low,
        high=noise.high,
        reliability=reliability_of(opinions),
        at_least=None if p_values is None else at_least(p_values, level=LEVEL),
        why_not=_why_not(int(right.sum()), len(labels), chance, findable, rate),
    )


def _why_not(right: int, n: int, chance: float, findable: float, rate: float) -> str | None:
    knows = binomtest(right, n, min(chance, 1.0), alternative="greater").pvalue < BY_CHANCE
    if not knows:
        return (
            f"models fitted to the other examples name the given label of {right / n:.0%} of them, "
            f"where guessing reaches {chance:.0%}: they know too little of these classes to doubt "
            "a label"
        )
    if findable < LEAST_FINDABLE:
        return (
            f"models fitted to the other examples name the given label of {right / n:.0%} of them, "
            f"and are so unsure that of 100 wrong labels {100 * findable:.0f} would be listed at a "
            f"false discovery rate of {rate:.0%}"
        )
    return None


def findable_share(opinions: Opinions, rate: float) -> float:
    """Of labels that are changed at random, the share that a list at `rate` would hold.

    If the models' probabilities are right, an example is class k with probability q_k, and bears
    the label k by mistake with probability proportional to 1 - q_k. Both are summed over all
    examples and classes, from the least likely labels on, as far as the rate allows.
    """
    n, classes = opinions.outputs.shape
    rows = np.linspace(0, n - 1, min(n, MOST)).astype(np.int64)
    likely = np.exp(opinions.outputs[rows]).ravel()
    order = np.argsort(likely, kind="stable")
    likely = likely[order]
    clean = np.cumsum(likely) / len(rows)
    wrong = np.cumsum(1.0 - likely) / ((classes - 1) * len(rows))
    supposed = max(opinions.noise.share, SUPPOSED)
    false = (1.0 - supposed) * clean
    kept = np.flatnonzero(false <= rate * (false + supposed * wrong))
    return float(wrong[kept[-1]]) if len(kept) else 0.0


def reliability_of(opinions: Opinions) -> tuple[Bin, ...]:
    """Probabilities of labels, all classes of all examples, beside how often it was the label."""
    share, classes = opinions.noise.share, opinions.classes
    likely = np.exp(opinions.outputs)
    likely = (1.0 - share) * likely + share * (1.0 - likely) / (classes - 1)
    given = np.zeros(likely.shape, dtype=bool)
    given[np.arange(len(given)), opinions.labels] = True
    place = np.minimum((likely * BINS).astype(np.int64), BINS - 1).ravel()
    counts = np.bincount(place, minlength=BINS)
    expected = np.bincount(place, weights=likely.ravel(), minlength=BINS)
    observed = np.bincount(place, weights=given.ravel(), minlength=BINS)
    return tuple(
        Bin(float(expected[at] / counts[at]), float(observed[at] / counts[at]), int(counts[at]))
        for at in range(BINS)
        if counts[at] >= LEAST_IN_BIN
    )


def probabilities(opinions: Opinions) -> NDArray[np.float64]:
    """P(wrong) of every label, shape (n,), in [0, 1]."""
    own = opinions.outputs[np.arange(len(opinions.labels)), opinions.labels]
    return wrongness(own, opinions.noise.share, opinions.classes)
