"""The ways to score a point, as the source printed them, as it ran them, and as they are here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from radiotracer.data import Dataset
from radiotracer.detectors import DEFAULT_DETECTOR, DETECTORS, FALLBACK, Ranking, calibrated
from radiotracer.gradients import Data
from radiotracer.influence import Tracer
from radiotracer.runs import Run
from radiotracer.scanning.inputs import ScanInputs
from radiotracer.scanning.walk import rank_by_all

TODAY = ("tracin-cp", "loss", FALLBACK, DEFAULT_DETECTOR)
"""Detectors of this project that are shown beside the source's methods."""


@dataclass(frozen=True, eq=False)
class Scored:
    """What a method says of every point.

    Args:
        ranking: Higher scores are more suspicious.
        flagged: By the method's own rule, shape (n,); None when it has none.
        rule: That rule in words.
    """

    ranking: Ranking
    flagged: NDArray[np.bool_] | None
    rule: str


def published_score(tracer: Tracer, asked: Data, queries: Data) -> Tensor:
    """What the published code computes, shape (n_asked,), float64.

    It takes two backward passes for a point z and a query z' and does not set the gradients to
    zero between them, so that the second one holds the sum of both:

        max over z' of sum_c eta_c <g_z, g_z + g_z'>  =  ||g_z||^2 + <g_z, g_z'>, with eta, summed

    Self-influence, which is never negative, hides what was meant to be measured.
    """
    both = tracer.self_influence(asked)[:, None] + tracer.influence(asked, queries)
    return both.amax(dim=1)


def score_all(
    model: nn.Module,
    run: Run,
    asked: Dataset,
    *,
    queries: Dataset,
    validation: Dataset,
    gamma: float,
    seed: int,
) -> Mapping[str, Scored]:
    """Every method on the same points, by the name that tables show.

    Args:
        model: The network that was trained.
        run: Its recording.
        asked: The points; they need not have been trained on.
        queries: For Algorithm 1 and the published code.
        validation: For today's detectors.
        gamma: The source's threshold.
        seed: For what is random.
    """
    tracer = Tracer(model, run)
    summed = tracer.influence(asked, queries, reduce="sum").numpy()
    published = published_score(tracer, asked, queries).numpy()
    found = {
        "Algorithm 1 as printed": Scored(Ranking(summed), summed >= gamma, f"sum >= {gamma:g}"),
        "the opposite tail": Scored(Ranking(-summed), -summed >= gamma, f"sum <= {-gamma:g}"),
        "the published code": Scored(
            Ranking(published), published > gamma, f"max > {gamma:g}, unzeroed"
        ),
    }
    rankings = rank_by_all(
        ScanInputs(model, run, asked, validation),
        [DETECTORS[name] for name in TODAY],
        classes=len(asked.class_names),
        seed=seed,
    ).by_name
    for name, ranking in rankings.items():
        if name in (FALLBACK, DEFAULT_DETECTOR):
            decision = calibrated(name, rankings)
            found[name] = Scored(ranking, decision.is_flagged, decision.words.partition(" (")[0])
        else:
            found[name] = Scored(ranking, None, "")
    return found
