"""From a ranking to the examples that are flagged: a threshold, a number, or a rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radiotracer.detectors.protocol import Ranking
from radiotracer.detectors.reference import Tested
from radiotracer.detectors.registry import FALLBACK
from radiotracer.detectors.rule import Decision, Rule
from radiotracer.errors import InputError
from radiotracer.stats import clean_share, flagged, q_values, smallest_reference

NEAR = 0.25
"""Lowest estimated rate below which an empty list says what it would take to flag something.

Measured (docs/decisions/0011-empty-lists.md): nearly always so where labels were flipped and
nothing was flagged, hardly ever where nobody tampered.
"""


NO_SCALE = (
    "nothing here says how high a clean example scores, so that a ranking is all there is: give "
    "top_k=, a threshold=, fdr= with a clean_reference=, or an incident= with validation examples"
)
"""Why nothing is flagged where no detector has a scale of its own."""


def calibrated(detector: str, rankings: Mapping[str, Ranking]) -> Decision:
    """The decision for those who give no rule.

    A detector with p-values decides by a false discovery rate; one with a threshold of its own by
    that. Another has no scale of its own: its highest scores are taken, as many as the first
    detector with p-values flags (`contrast`), or `label-posterior` where there is none. Where the
    one that sets the length of the list has no grounds, or nothing has a scale, the decision is
    inconclusive.

    Args:
        detector: Name of the detector that decides.
        rankings: By detector name.
    """
    own = rankings[detector]
    if own.p_values is not None:
        because = f"about 1 flagged example in {round(1 / own.fdr)} is expected to be clean"
        return decide(own, Rule(fdr=own.fdr, because=because))
    if own.threshold is not None:
        return _withheld(
            decide(own, Rule(threshold=own.threshold, because=own.because)), own.inconclusive
        )
    if own.posteriors is not None:
        return decide(own, Rule(fdr=own.fdr))
    able = next((name for name, each in rankings.items() if each.p_values is not None), FALLBACK)
    if able not in rankings:
        ranked = _withheld(decide(own, Rule(top_k=0)), NO_SCALE)
        return replace(ranked, words="none: a ranking alone")
    found = int(calibrated(able, rankings).is_flagged.sum())
    decision = decide(own, Rule(top_k=found, because=f"as many as {able} flags"))
    return _withheld(decision, rankings[able].inconclusive)


def decide(
    ranking: Ranking,
    rule: Rule,
    tested: Tested | None = None,
    fallback: Ranking | None = None,
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
        fallback: Has posteriors, for detectors that have neither these nor p-values.

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
        return _by_rate(ranking, rule, rule.fdr, tested, fallback)
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


def _by_rate(
    ranking: Ranking,
    rule: Rule,
    rate: float,
    tested: Tested | None,
    fallback: Ranking | None,
) -> Decision:
    scores, p_values, share = ranking.scores, ranking.p_values, 1.0
    inconclusive = ranking.inconclusive
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
    elif (
        estimate := ranking if ranking.posteriors is not None else fallback
    ) is not None and estimate.posteriors is not None:
        q, inconclusive = _mean_clean(estimate.posteriors, order), estimate.inconclusive
        own = ranking.because if estimate is ranking and ranking.threshold is None else ""
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
    decision = Decision(
        is_flagged,
        _ranks(order),
        f"false discovery rate at most {100 * rate:g} % ({why})",
        threshold=_threshold(scores, is_flagged, tested),
        p_values=p_values,
        q_values=q,
    )
    if tested is not None:
        too_little = None if is_flagged.any() else _too_little(tested, rate, share)
        return replace(decision, inconclusive=too_little)
    if inconclusive is not None:
        return _withheld(decision, inconclusive)
    # A rate that is guaranteed holds for one decision, not for the next higher one.
    return decision if p_values is None else replace(decision, nearly=_nearly(q, rate))


def _withheld(decision: Decision, why: str | None) -> Decision:
    """Nothing is flagged for want of grounds; the ranking stays."""
    if why is None:
        return decision
    nothing = np.zeros_like(decision.is_flagged)
    return replace(decision, is_flagged=nothing, threshold=None, inconclusive=why)


def _threshold(
    scores: NDArray[np.float64], is_flagged: NDArray[np.bool_], tested: Tested | None
) -> float | None:
    if not is_flagged.any() or (tested is not None and tested.by_class):
        return None
    return float(scores[is_flagged].min())


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
