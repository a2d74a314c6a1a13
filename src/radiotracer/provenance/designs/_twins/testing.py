"""Audit by twins: does the suspect prefer what a secret coin published to what it sealed?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiotracer.data import Images
from radiotracer.errors import InputError
from radiotracer.provenance.controls import CONTROLS
from radiotracer.provenance.designs._twins.views import Questions, questions_of
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.models import Access, Suspect, require_access
from radiotracer.provenance.preferences import Reals, audit_preferences, preference
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source

DISTANCES = (0.5, 1.0, 1.5, 2.0, 3.0)
"""Where labels are asked. One label says little of how sure a model is; how far it holds, more."""


def audit_twins(
    release: Release,
    coins: Source,
    suspect: Suspect,
    access: Access,
    *,
    references: Sequence[Suspect] = (),
    controls: int = CONTROLS,
) -> Finding:
    """Ask a suspect about both twins of every marked image.

    A pair counts by how much the suspect prefers its published twin, less what networks explain of
    that which cannot know the coins (least squares): the marking networks, and references. By
    scores, the preference is the difference of the label's log odds; by labels, both twins are
    asked about at several distances from their middle (`DISTANCES`), and it is how much more often
    the label was named for one. All of it but the sign is known without the key, and the coin
    decided the sign: the sign-flip test is exact for any suspect that does not depend on the coins,
    whatever it was trained on.

    References make the test more powerful, the more they are like the suspect: the auditor's own
    networks, trained as the suspect may have been, on the originals or on data like them. Never on
    published data: a control finds that out.

    Source: Huang, Gong and Reiter 2024, "A general framework for data-use auditing of ML models",
    who compare scores of a published and a sealed version, too. Differs in: one exact test of all
    pairs in place of a sequential one, and the part that the marking networks explain is taken off.

    Args:
        release: Of the design ``twins``.
        coins: What was drawn in it.
        suspect: 2k images are asked about for scores, five times as many for labels; more where
            the protocol says views.
        access: Scores or labels.
        references: Give what `access` says.
        controls: How many fresh keys the same test is repeated with.

    Raises:
        InputError: The suspect does not give that, or its answers cannot be used.
    """
    require_access(suspect, access)
    asked_too = [preferences(each, release, access, coins) for each in references]
    return audit_preferences(
        preferences(suspect, release, access, coins),
        release.laid.arrays["reference"],
        coins,
        release.ids.tolist(),
        access,
        references=asked_too,
        controls=controls,
    )


def images_asked(release: Release, access: Access, coins: Source) -> Questions:
    """What an audit asks about: 2k images for scores, 10k for labels.

    With views (`TwinConfig`) so many times as many, and as many decoys as pairs in each view.
    """
    twins = release.laid.arrays["twins"]
    shown = [spread(twins, each) for each in DISTANCES] if access == "labels" else [twins]
    return questions_of(release, coins, np.stack(shown))


def spread(twins: Images, distance: float) -> Images:
    """Both twins moved away from their middle: 1 leaves them as they are, 0 makes them one image.

    Args:
        twins: uint8, shape (k, 2, h, w, c).
        distance: At least 0.
    """
    pair = twins.astype(np.float64)
    middle = pair.mean(axis=1, keepdims=True)
    moved: Images = np.clip(np.rint(middle + distance * (pair - middle)), 0, 255).astype(np.uint8)
    return moved


def preferences(suspect: Suspect, release: Release, access: Access, coins: Source) -> Reals:
    """By how much a suspect prefers the first twin of each pair to the second, float64, shape (k,).

    Everything is asked at once, in an order that the coins determine. Of several views the mean.

    Args:
        suspect: Gives what `access` says, of the classes of the release.
        release: Of the design ``twins``.
        access: ``scores``: the difference of the label's log odds (natural); ``labels``: how often
            the label is named for one more than for the other, at the five `DISTANCES`.
        coins: Of the release: they make the views and their order.

    Raises:
        InputError: Scores of fewer classes.
    """
    labels, asked = release.labels, images_asked(release, access, coins)
    if access == "labels":
        named = suspect.labels(asked.images)[asked.places] == labels
        first, second = np.moveaxis(named.astype(np.float64), 2, 0)
        return np.asarray((first - second).sum(axis=1).mean(axis=0))
    classes = len(release.protocol.class_names)
    scores = suspect.scores(asked.images)
    if scores.shape[1] < classes:
        raise InputError(
            expected=f"scores of the {classes} classes of the marked data from {suspect.name}",
            came=str(scores.shape[1]),
            do="audit a suspect that tells these classes apart",
        )
    found = [preference(scores[one], scores[two], labels) for ((one, two),) in asked.places]
    return np.asarray(np.mean(found, axis=0))
