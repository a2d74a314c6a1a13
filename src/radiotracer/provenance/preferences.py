"""A coin for each pair of versions: does a suspect prefer those that the coins published?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from radiotracer.data import Labels
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.controls import (
    CONTROLS,
    control_keys,
    silent_control,
    uniform_control,
)
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.models import Access
from radiotracer.provenance.source import Source
from radiotracer.stats import Weighting, signflip, signflip_control

Reals = NDArray[np.float64]

WEIGHTING: Weighting = "magnitudes"
"""What a pair counts for: by how much a twin is preferred, the largest twentieth cut off. On
development data it told more than ranks in each of six trainings."""

_NULL = (
    "exact: a fair coin chose each published twin, so for a model that does not depend on "
    "these coins every pair points to the published twin with probability 1/2, independently"
)


def audit_preferences(
    asked: Reals,
    blind: Reals | None,
    coins: Source,
    ids: Sequence[str],
    access: Access,
    *,
    references: Sequence[Reals] = (),
    controls: int = CONTROLS,
) -> Finding:
    """The exact test of preferences, whatever was preferred and however the suspect was asked.

    Which version is published follows from the coin alone, so for a suspect that does not depend on
    the coins every sign is another fair coin: the sign-flip test is exact.

    Args:
        asked: By how much the suspect prefers the first twin to the second, shape (k,).
        blind: The same of networks that cannot know the coins, shape (k,), where there are some.
        coins: What was drawn in the release.
        ids: What each coin hangs on; k different texts.
        access: What was used of the suspect.
        references: What each reference prefers; each of shape (k,).
        controls: How many fresh keys the same test is repeated with.
    """
    signs = _signs(coins, ids)
    explained = [] if blind is None else [blind]
    checked = []
    if references:
        explained.append(np.mean(references, axis=0))
        checked.append(_blind_control(explained[-1] * signs))
    if explained:
        asked = beyond(asked, np.stack(explained, axis=1))
    test = signflip(asked * signs, weighting=WEIGHTING)
    others = np.stack([_signs(each, ids) for each in control_keys(coins, controls)])
    control_log10_p = signflip_control(asked * signs, others != signs, weighting=WEIGHTING)
    published, decided = int((asked * signs > 0).sum()), test.pairs - test.zeros
    return Finding(
        access=access,
        statistic="sum of the preferences for published twins, the largest twentieth cut off",
        null=_NULL,
        log10_p=test.log10_p,
        effect=test.statistic / test.largest if test.largest else 0.0,
        effect_means="the sum over the largest that it could be, from -1 to 1",
        coins=decided,
        control_log10_p=tuple(control_log10_p.tolist()),
        controls=(uniform_control(control_log10_p), *checked),
        details={
            "pairs": test.pairs,
            "published_preferred": published,
            "sealed_preferred": decided - published,
            "undecided": test.zeros,
        },
        least_log10_p=-decided * float(np.log10(2)),
        stands_on=f"{decided} coin{'s' * (decided != 1)}",
    )


def beyond(asked: Reals, blind: Reals) -> Reals:
    """What is left of preferences after their least-squares fit by those of networks, (k,).

    None of them knows which twin is published, so neither does the rest.

    Args:
        asked: The suspect's preferences, shape (k,).
        blind: Those of networks that cannot know the coins, shape (k, networks).
    """
    fitted, *_ = np.linalg.lstsq(blind, asked, rcond=None)
    return np.asarray(asked - blind @ fitted)


def preference(
    first: NDArray[np.float64], second: NDArray[np.float64], labels: Labels
) -> NDArray[np.float64]:
    """By how much scores say the label more of the first twin than of the second.

    Args:
        first: Log-probabilities, shape (k, columns).
        second: The same of the other twins.
        labels: Shape (k,).

    Returns:
        Differences of log odds (natural), shape (k,).
    """
    return log_odds(first, labels) - log_odds(second, labels)


def log_odds(scores: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """``log p(label) - log(1 - p(label))`` of log-probabilities (k, columns), shape (k,).

    Summed over the other columns, not taken from 1 - p: what a model is sure of still differs.
    """
    rows = np.arange(len(labels))
    others = scores.copy()
    others[rows, labels] = -np.inf
    return np.asarray(scores[rows, labels] - logsumexp(others, axis=1))


def _blind_control(differences: Reals) -> Control:
    """Whether references prefer published twins, or sealed ones: then they know the coins."""
    sides = (signflip(each, weighting=WEIGHTING).log10_p for each in (differences, -differences))
    either = min(sides)
    return silent_control("references", min(0.0, either + np.log10(2.0)), "either twin preferred")


def _signs(source: Source, ids: Sequence[str]) -> Reals:
    """+1 where the first twin is published, -1 where the second one is."""
    return np.where(published_twins(source, ids) == 0, 1.0, -1.0)
