"""From a ranking to the examples that are flagged: a threshold, a number, or a rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiotracer.detectors.protocol import Ranking
from radiotracer.detectors.reference import Tested
from radiotracer.detectors.registry import FALLBACK
from radiotracer.errors import InputError
from radiotracer.stats import clean_share, flagged, q_values, smallest_reference

NEAR = 0.25
"""Lowest estimated rate below which an empty list says what it would take to flag something.

Measured (docs/decisions/0011-empty-lists.md): nearly always so where labels were flipped and
nothing was flagged, hardly ever where nobody tampered.
"""

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


NO_SCALE = (
    "nothing here says how high a clean example scores, so that a ranking is all there is: give "
    "top_k=, a threshold=, fdr= with a clean_reference=, or an incident= with validation examples"
)
"""Why nothing is flagged where no detector has a scale of its own."""


def has_scale(detector: str, rankings: Mapping[str, Ranking]) -> bool:
    """Whether something says how high a clean example scores, so that `calibrated` has a rule."""
    own = rankings[detector]
    scales = (own.threshold, own.posteriors, *(each.p_values for each in rankings.values()))
    return FALLBACK in rankings or any(each is not None for each in scales)


def calibrated(detector: str, rankings: Mapping[str, Ranking]) -> Rule:
    """The rule for those who give none.

    A detector with p-values decides by a false discovery rate; one with a threshold of its own by
    that. Another has no scale of its own: its highest scores are taken, as many as the first
    detector with p-values flags (`contrast`), or `label-posterior` where there is none.

    Args:
        detector: Name of the detector that decides.
        rankings: By detector name; one has a scale (`has_scale`).
    """
    own = rankings[detector]
    if own.p_values is not None:
        return Rule(
            fdr=own.fdr,
            because=f"about 1 flagged example in {round(1 / own.fdr)} is expected to be clean",
        )
    if own.threshold is not None:
        return Rule(threshold=own.threshold, because=own.because)
    if own.posteriors is not None:
        return Rule(fdr=own.fdr)
    able = next((name for name, each in rankings.items() if each.p_values is not None), FALLBACK)
    found = decide(rankings[able], calibrated(able, rankings))
    return Rule(top_k=int(found.is_flagged.sum()), because=f"as many as {able} flags")


def decide(
    ranking: Ranking,
    rule: Rule,
    tested: Tested | None = None,
    posteriors: NDArray[np.float64] | None = None,
) -> Decision:
    """Which of n ranked examples are flagged.

    A false discovery rate is kept by the procedure of Benjamini and Hochberg on the p-values
    against a reference, or else on the detector's own, which are as good as their assumptions. A
    detector without either takes the longest list of its highest scores whose mean posterior
    probability of being clean is at most the rate (a local false discovery rate: Efron,
    Tibshirani, Storey and Tusher 2001), and is as good as the posteriors are.

    Args:
        ranking: The detector's.
        rule: How to decide.
        tested: The examples against a reference, for the rate of `rule`.
        posteriors: P(tampered with), shape (n,), for detectors without p-values.

    Raises:
        InputError: The rule is a false discovery rate, and there is nothing to estimate it by; or
            there is a reference, and the rule is another one.
    """
    if rule.fdr is None and tested is not None:
        raise InputError(
            expected="fdr= beside a clean reference",
            came="another rule",
            do="pass fdr=, or no clean_reference=",
        )
    if rule.fdr is not None:
        return _by_rate(ranking, rule, rule.fdr, tested, posteriors)
    scores = ranking.scores
    suspicion = {"upper": scores, "lower": -scores, "both": np.abs(scores)}[rule.tail]
    # Stable: examples with equal scores stay in the order of the data.
    ranks = _ranks(np.argsort(-suspicion, kind="stable"))
    if rule.threshold is not None:
        is_flagged = suspicion >= rule.threshold
        words = {
            "upper": f"score >= {rule.threshold:.4g}",
            "lower": f"score <= {-rule.threshold:.4g}",
            "both": f"score >= {rule.threshold:.4g} or score <= {-rule.threshold:.4g}",
        }[rule.tail]
    else:
        is_flagged = ranks <= (rule.top_k or 0)
        ends = {"upper": "highest", "lower": "lowest", "both": "largest absolute"}[rule.tail]
        words = f"the {rule.top_k} {ends} scores"
    return Decision(
        is_flagged,
        ranks,
        f"{words} ({rule.because})" if rule.because else words,
        threshold=rule.threshold if rule.tail == "upper" else None,
        p_values=ranking.p_values,
        q_values=None if ranking.p_values is None else q_values(ranking.p_values),
    )


def undecided(ranking: Ranking) -> Decision:
    """A ranking by which nothing is flagged, and nothing is found clean."""
    order = np.argsort(-ranking.scores, kind="stable")
    return Decision(
        np.zeros(len(order), dtype=bool),
        _ranks(order),
        "none: a ranking alone",
        threshold=None,
        inconclusive=NO_SCALE,
    )


def _by_rate(
    ranking: Ranking,
    rule: Rule,
    rate: float,
    tested: Tested | None,
    posteriors: NDArray[np.float64] | None,
) -> Decision:
    scores, p_values, share = ranking.scores, ranking.p_values, 1.0
    order = np.argsort(-scores, kind="stable")
    if tested is not None:
        p_values, why = tested.p_values, tested.words
        if rule.storey:
            share = clean_share(p_values, tested.smallest)
            why += f"; share of clean examples estimated at {min(share, 1.0):.1%}"
        q = q_values(p_values, null_share=share)
        order = np.lexsort((-scores, p_values))  # NaN, the reference, comes last
    elif rule.storey:
        raise InputError(
            expected="clean_reference= for an estimated share of clean examples",
            came="none",
            do="pass clean_reference=, or no storey=",
        )
    elif p_values is not None:
        q = q_values(p_values, null_share=ranking.clean_share)
        why = ranking.because or (
            "p-values from validation examples that were not trained on: no guarantee"
        )
        order = np.lexsort((-scores, p_values))
    elif posteriors is not None:
        q = _mean_clean(posteriors, order)
        own = (
            ranking.because if ranking.posteriors is not None and ranking.threshold is None else ""
        )
        why = own or f"estimated by the posteriors of {FALLBACK}: no guarantee"
    else:
        raise InputError(
            expected="a detector with p-values for a false discovery rate, or clean_reference=",
            came="neither",
            do="pass clean_reference=, threshold= or top_k=, or decide by a detector that has them",
        )
    if rule.because:
        why = rule.because if tested is None else f"{rule.because}; {why}"
    is_flagged = flagged(q, rate)
    if tested is None and ranking.inconclusive is not None:
        is_flagged = np.zeros_like(is_flagged)
    single = is_flagged.any() and not (tested is not None and tested.by_class)
    return Decision(
        is_flagged,
        _ranks(order),
        f"false discovery rate at most {100 * rate:g} % ({why})",
        threshold=float(scores[is_flagged].min()) if single else None,
        p_values=p_values,
        q_values=q,
        inconclusive=ranking.inconclusive
        if tested is None
        else None
        if is_flagged.any()
        else _too_little(tested, rate, share),
        # A rate that is guaranteed holds for one decision, not for the next higher one.
        nearly=_nearly(q, rate)
        if tested is None and p_values is not None and ranking.inconclusive is None
        else None,
    )


def _nearly(q: NDArray[np.float64], rate: float) -> str | None:
    """What the next higher rate, in whole per cent, would flag; None where it is far or needless.

    Args:
        q: Shape (n,), NaN where an example was not asked about.
        rate: What was asked for, in (0, 1).
    """
    lowest = float(np.nanmin(q, initial=1.0))
    if flagged(lowest, rate) or lowest >= NEAR:
        return None
    higher = math.ceil(round(100.0 * lowest, 9)) / 100.0
    count = int(flagged(q, higher).sum())
    who, them = (f"the {count:,} most suspicious", "them") if count > 1 else ("one example", "it")
    return (
        f"Nothing is flagged at a false discovery rate of {100 * rate:g} %, but {who} would be at "
        f"{100 * higher:g} %: an empty list does not mean that the data are clean. A rate of "
        f"{higher:g} flags {them}; a clean reference, reviewed training examples, decides better."
    )


def _too_little(tested: Tested, rate: float, share: float) -> str | None:
    """What a reference that flags nothing would have to be; None where nothing stands out."""
    asked = tested.tested
    count, above = int(asked.sum()), int((tested.p_values == tested.smallest)[asked].sum())
    if not above:
        return None
    chance = float(tested.smallest[asked].sum())
    part = min(1.0, above / (count * share))
    needed = smallest_reference(rate, part)
    enough = (
        f"more than the {len(asked):,} training examples"
        if needed >= len(asked)
        else f"{needed:,} reference examples" + (" of every class" if tested.by_class else "")
    )
    return (
        f"{above:,} of {count:,} tested examples score above the whole reference, where about "
        f"{chance:.0f} clean ones would by chance, and the reference is too small to tell: to "
        f"flag so few at a false discovery rate of {rate:g} takes {enough}"
    )


def _mean_clean(posteriors: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
    """Smallest mean of 1 - posterior over the lists, from the top, that each example is on."""
    means = np.cumsum(1.0 - posteriors[order]) / np.arange(1, len(order) + 1)
    found = np.empty(len(order))
    found[order] = np.minimum.accumulate(means[::-1])[::-1]
    return found


def _ranks(order: NDArray[np.int64]) -> NDArray[np.int64]:
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    return ranks
