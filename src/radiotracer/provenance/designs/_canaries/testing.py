"""Audit by canaries: does the suspect prefer those that a secret coin published?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Labels
from radiotracer.errors import InputError
from radiotracer.provenance.controls import CONTROLS
from radiotracer.provenance.designs._canaries.planting import (
    CANARIES,
    COINS,
    coins_in,
    with_canary,
)
from radiotracer.provenance.designs._canaries.settings import CanaryConfig
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.models import Access, Suspect, require_access
from radiotracer.provenance.preferences import Reals, audit_preferences, preference
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source

LEADS = (0, 2, 4, 8, 16)
"""Where labels are asked: how many words of a text of another class stand with the canary. One
label says little of how sure a model is; how much it takes to change it, more."""


def audit_canaries(
    release: Release,
    coins: Source,
    suspect: Suspect,
    access: Access,
    *,
    references: Sequence[Suspect] = (),
    controls: int = CONTROLS,
) -> Finding:
    """Ask a suspect about both canaries of every coin.

    By scores, the suspect is asked about both canaries of every coin, alone: the texts themselves
    are not shown to it. A coin counts by how much more the log odds of the label are with the
    published canary than with the sealed one; of a language model, by how much more likely the
    canary is. Alone, because a model that drops or averages the words it does not know treats a
    text with unknown words otherwise than one with known words, whatever it learned of them.

    By labels, it is asked about the canaries together with the first words of a marked text of
    another class (`LEADS`), and a coin counts by how much more often the label was named for the
    published one: by how long it holds against them.

    Which canary is which follows from the coin alone, so the sign-flip test is exact for any
    suspect that does not depend on the coins, as it is for images (`audit_twins`): the tests are
    the same.

    Args:
        release: Of the design ``canaries``.
        coins: What was drawn in it.
        suspect: The model.
        access: Scores or labels.
        references: Models that cannot know the coins, trained as the suspect may have been, on the
            originals: what they prefer is taken off. They must give what `access` says.
        controls: How many fresh keys the same test is repeated with.

    Raises:
        InputError: The suspect does not give that, or its answers cannot be used.
    """
    require_access(suspect, access)
    return audit_preferences(
        text_preferences(suspect, release, access),
        None,
        coins,
        coins_in(release),
        access,
        references=[text_preferences(each, release, access) for each in references],
        controls=controls,
    )


def texts_asked(release: Release, access: Access) -> tuple[str, ...]:
    """All texts that an audit asks about: 2 per coin for scores, 10 per marked text for labels.

    They tell of the sealed canaries: whoever has them and the release knows the coins.
    """
    if access == "scores":
        _, _, pairs = _by_coin(release)
        return tuple(canary for pair in pairs for canary in pair)
    return tuple(
        text for words in LEADS for which in (0, 1) for text in _against(release, which, words)
    )


def text_preferences(suspect: Suspect, release: Release, access: Access) -> Reals:
    """By how much a suspect prefers the first canary of each coin to the second, float64, (coins,).

    Args:
        suspect: Gives what `access` says.
        release: Its coins, in the order of their first texts.
        access: ``scores``: the difference of the label's log odds, or of the canary's
            log-likelihood (natural); ``labels``: how often the label is named for one more than
            for the other, over all texts of the coin and `LEADS`.

    Raises:
        InputError: The suspect does not give that, or scores of fewer classes.
    """
    places, labels, pairs = _by_coin(release)
    if access == "labels":
        asked = np.zeros(len(release.rows))
        for words in LEADS:
            for which, sign in ((0, 1.0), (1, -1.0)):
                named = suspect.labels(_against(release, which, words))
                asked += sign * (named == release.labels)
        return np.asarray(np.bincount(places, weights=asked), dtype=np.float64)
    first, second = (suspect.scores(tuple(pair[which] for pair in pairs)) for which in (0, 1))
    if suspect.answers == "losses":
        return np.asarray(first[:, 0] - second[:, 0])
    classes = len(release.protocol.class_names)
    if classes < 2:
        raise InputError(
            expected="losses of a language model: the marked texts have one class",
            came=f"scores of classes from {suspect.name}",
            do='pass a function of losses, with outputs="losses"',
        )
    if first.shape[1] < classes:
        raise InputError(
            expected=f"scores of the {classes} classes of the marked texts from {suspect.name}",
            came=str(first.shape[1]),
            do="audit a suspect that tells these classes apart",
        )
    return preference(first, second, labels)


def _by_coin(release: Release) -> tuple[NDArray[np.int64], Labels, list[tuple[str, str]]]:
    """The place of each marked text's coin, shape (k,); of each coin its label and its canaries."""
    place_of = {name: place for place, name in enumerate(coins_in(release))}
    named = release.laid.arrays[COINS].tolist()
    places = np.array([place_of[name] for name in named], dtype=np.int64)
    _, first = np.unique(places, return_index=True)
    pairs = _canaries(release)
    return places, release.labels[first], [pairs[row] for row in first.tolist()]


def _canaries(release: Release) -> list[tuple[str, str]]:
    """Both canaries of every marked text."""
    return [(first, second) for first, second in release.laid.arrays[CANARIES].tolist()]


def _against(release: Release, which: int, words: int) -> tuple[str, ...]:
    """One of the canaries of every marked text with the first words of one of another class.

    The texts of the other classes take turns; where there are none, it is the text's own words.
    """
    pairs = _canaries(release)
    if not words:
        return tuple(pair[which] for pair in pairs)
    place = CanaryConfig.model_validate(release.protocol.settings).place
    labels = release.labels
    others = {label: np.flatnonzero(labels != label) for label in set(labels.tolist())}
    turns = dict.fromkeys(others, 0)
    asked = []
    for row, (label, pair) in enumerate(zip(labels.tolist(), pairs, strict=True)):
        rows = others[label]
        other = rows[turns[label] % len(rows)] if len(rows) else row
        turns[label] += 1
        lead = " ".join(release.originals[other].split(None, words)[:words])
        asked.append(with_canary(lead, pair[which], place))
    return tuple(asked)
