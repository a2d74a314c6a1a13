"""Audit by what was withheld: does the suspect know the published example of each pair better?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError
from radiotracer.provenance.controls import CONTROLS
from radiotracer.provenance.designs._withheld.pairing import (
    LABELS,
    NAMES,
    ORDER,
    PAIRS,
    REFERENCE,
)
from radiotracer.provenance.designs._withheld.settings import WithheldConfig
from radiotracer.provenance.designs._withheld.views import views_of
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.key import Key
from radiotracer.provenance.models import Access, Suspect, require_access
from radiotracer.provenance.preferences import Reals, audit_preferences, log_odds
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source


def audit_withheld(
    release: Release,
    coins: Source,
    suspect: Suspect,
    access: Access,
    *,
    references: Sequence[Suspect] = (),
    controls: int = CONTROLS,
) -> Finding:
    """Ask a suspect about both examples of every pair, in several views.

    A pair counts by how much more the suspect knows of its published example than of the withheld
    one, less what networks explain of that which cannot know the coins (least squares): the marking
    networks, and references. By scores, what it knows is the log odds of the label, averaged over
    the views; of a language model, the log-likelihood per byte; by labels, in how many views it
    names the label. The coin decided the sign, so the sign-flip test is exact for any suspect that
    does not depend on the coins (`audit_preferences`).

    Args:
        release: Of the design ``withheld``.
        coins: What was drawn in it.
        suspect: Every example is asked about in as many views as the protocol says.
        access: Scores or labels.
        references: Give what `access` says; trained without the release, on data like it.
        controls: How many fresh keys the same test is repeated with.

    Raises:
        InputError: The suspect does not give that, or its answers cannot be used.
    """
    require_access(suspect, access)
    return audit_preferences(
        preferences(suspect, release, access, coins),
        release.laid.arrays.get(REFERENCE),
        coins,
        release.laid.arrays[NAMES].tolist(),
        access,
        references=[preferences(each, release, access, coins) for each in references],
        controls=controls,
    )


@dataclass(frozen=True, eq=False)
class Questions:
    """What is asked.

    Args:
        content: All of it, in the order in which it is asked.
        places: Where each example is among them, int64, shape (views, p, 2).
    """

    content: Any
    places: NDArray[np.int64]


def questions_of(release: Release, coins: Source) -> Questions:
    """Both examples of every pair in all views, in an order that tells nothing.

    Args:
        release: Of the design ``withheld``.
        coins: Its coins, of which `ORDER` makes the order.
    """
    modality = release.chosen.modality
    config = WithheldConfig.model_validate(release.protocol.settings)
    pairs = release.laid.arrays[PAIRS]
    content = modality.take(release.originals, pairs.reshape(-1))
    views, each = views_of(modality, config.views), np.arange(pairs.size)
    every = modality.take(content, np.tile(each, len(views)))
    for number, view in enumerate(views):
        every = modality.put(every, number * pairs.size + each, view(content))
    stream = Key(coins.derive(ORDER)).generator("order").bit_generator
    order = np.argsort(stream.random_raw(len(views) * pairs.size), kind="stable")
    places = np.argsort(order).reshape(len(views), *pairs.shape)
    return Questions(modality.take(every, order), places)


def preferences(suspect: Suspect, release: Release, access: Access, coins: Source) -> Reals:
    """By how much a suspect knows the first example of each pair better, float64, shape (p,).

    Args:
        suspect: Gives what `access` says.
        release: Of the design ``withheld``.
        access: See `audit_withheld`.
        coins: Of the release: they make the order of the questions.

    Raises:
        InputError: Scores of fewer classes than the data have.
    """
    questions = questions_of(release, coins)
    known = _known(suspect, questions, release, access)[questions.places].mean(axis=0)
    return np.asarray(known[:, 0] - known[:, 1])


def _known(suspect: Suspect, questions: Questions, release: Release, access: Access) -> Reals:
    """How well the suspect knows each of the questions, in the order in which they are asked."""
    content, places = questions.content, questions.places
    labels = np.empty(places.size, dtype=np.int64)
    labels[places] = release.laid.arrays[LABELS][:, np.newaxis]
    if access == "labels":
        return np.asarray(suspect.labels(content) == labels, dtype=np.float64)
    scores, classes = suspect.scores(content), len(release.protocol.class_names)
    if suspect.answers == "losses":
        sizes = [max(1, len(str(text).encode())) for text in content]
        return np.asarray(scores[:, 0] / np.array(sizes))
    if scores.shape[1] < classes:
        raise InputError(
            expected=f"scores of the {classes} classes of the marked data from {suspect.name}",
            came=str(scores.shape[1]),
            do="audit a suspect that tells these classes apart",
        )
    return log_odds(scores, labels)
