"""One set of opinions against the truth."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from radiotracer.detectors import Ranking, Rule, Seen, Survey, Trace
from radiotracer.detectors.decide import decide
from radiotracer.detectors.out_of_fold import OutOfFold
from radiotracer.opinions import Opinions
from radiotracer.opinions.grounds import grounds_of

RATES = (0.05, 0.1)
"""False discovery rates of lists."""

BINS = 10
"""Of probabilities."""

Found = dict[str, Any]


def ranking_of(opinions: Opinions, seed: int) -> Ranking:
    """What the detector of `check` makes of opinions."""
    labels = torch.from_numpy(opinions.labels)
    seen = Seen(labels, torch.from_numpy(opinions.outputs), {})
    trace = Trace(
        train=np.empty((len(labels), 0)),
        labels=opinions.labels,
        validation=None,
        validation_labels=None,
        classes=opinions.classes,
        checkpoints=1,
        seed=seed,
        survey=Survey(seen, None, opinions=opinions),
    )
    return OutOfFold().rank(trace)


def precision(scores: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """Average precision."""
    return float(average_precision_score(wrong, scores))


def measured(opinions: Opinions, wrong: NDArray[np.bool_], seed: int) -> Found:
    """What a check says, without validation examples, and with them where there are any."""
    alone = dataclasses.replace(opinions, validation=None, validation_labels=None)
    ranking = ranking_of(alone, seed)
    noise = opinions.noise
    facts: Found = {
        "n": len(wrong),
        "wrong": int(wrong.sum()),
        "words": opinions.words,
        "accuracy": float((opinions.outputs.argmax(axis=1) == opinions.labels).mean()),
        "inconclusive": ranking.inconclusive,
        "share": [noise.share, noise.low, noise.high],
        "seconds": round(opinions.seconds, 1),
        "bins": bins_of(ranking, wrong),
        "lists": lists_of(ranking, wrong),
    }
    if wrong.any():
        first = np.argsort(-ranking.scores, kind="stable")[: round(len(wrong) / 10)]
        facts["precision"] = precision(ranking.scores, wrong)
        facts["tenth"] = float(wrong[first].sum() / wrong.sum())
    if opinions.validation is not None:
        ranking = ranking_of(opinions, seed)
        facts["validated"] = lists_of(ranking, wrong)
        facts["at least"] = grounds_of(opinions, RATES[0], ranking.p_values).at_least
    return facts


def lists_of(ranking: Ranking, wrong: NDArray[np.bool_]) -> Found:
    """Lists at `RATES`: how long, how many of them right, and what the best list would hold.

    The best one is the longest part of the ranking, from its top, of which at most the rate is
    right, as only somebody can tell who knows the truth.
    """
    ordered = wrong[np.argsort(-ranking.scores, kind="stable")]
    right = np.cumsum(~ordered) / np.arange(1, len(ordered) + 1)
    found = {}
    for rate in RATES:
        listed = decide(ranking, Rule(fdr=rate)).is_flagged
        kept = np.flatnonzero(right <= rate)
        found[str(rate)] = {
            "listed": int(listed.sum()),
            "right": int((listed & ~wrong).sum()),
            "best": int(ordered[: kept[-1] + 1].sum()) if len(kept) else 0,
        }
    return found


def bins_of(ranking: Ranking, wrong: NDArray[np.bool_]) -> list[list[float]]:
    """Per bin of `probability`: examples, their sum of probabilities, and how many are wrong."""
    assert ranking.posteriors is not None
    place = np.minimum((ranking.posteriors * BINS).astype(int), BINS - 1)
    sums = [np.bincount(place, each, BINS) for each in (np.ones(len(wrong)), ranking.posteriors)]
    found: list[list[float]] = np.stack([*sums, np.bincount(place, wrong, BINS)], axis=1).tolist()
    return found
