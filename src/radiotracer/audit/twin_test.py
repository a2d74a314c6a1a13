"""Audit by twins: does the suspect prefer what a secret coin published to what it sealed?"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radiotracer.audit.controls import CONTROLS, uniform_control
from radiotracer.audit.finding import Finding
from radiotracer.audit.suspects import Suspect, require_access
from radiotracer.marking import Key, control_keys, published_twins
from radiotracer.marking.release import Release
from radiotracer.marking.twin_mark import preference
from radiotracer.stats import signflip, signflip_control

Reals = NDArray[np.float64]

_NULL = (
    "exact: a secret fair coin chose each published twin, so for a model that does not depend on "
    "these coins every pair points to the published twin with probability 1/2, independently"
)


def audit_twins(
    release: Release,
    key: Key,
    suspect: Suspect,
    access: Literal["scores", "labels"],
    *,
    controls: int = CONTROLS,
) -> Finding:
    """Ask a suspect about both twins of every marked image.

    By scores, a pair counts by how much the suspect prefers its published twin (log odds of the
    label), less what the marking networks explain of that (least squares). By labels, a pair counts
    where the suspect names the label for one twin only. All of it but the sign is known without the
    key, and the coin decided the sign: the sign-flip test is exact for any suspect that does not
    depend on the coins, whatever it was trained on.

    Source: Huang, Gong and Reiter 2024, "A general framework for data-use auditing of ML models",
    who compare scores of a published and a sealed version, too. Differs in: one exact test of all
    pairs in place of a sequential one, and the part that the marking networks explain is taken off.

    Args:
        release: Of the design ``twins``.
        key: Its secret.
        suspect: 2k images are asked about.
        access: What to ask for.
        controls: How many fresh keys the same test is repeated with.

    Raises:
        InputError: The suspect does not give that, or its answers cannot be used.
    """
    require_access(suspect, access)
    twins, labels = release.planted.arrays["twins"], release.labels
    if access == "scores":
        asked = preference(suspect.scores(twins[:, 0]), suspect.scores(twins[:, 1]), labels)
        asked = beyond(asked, release.planted.arrays["reference"])
    else:
        right = [suspect.labels(twins[:, which]) == labels for which in (0, 1)]
        asked = right[0].astype(np.float64) - right[1]
    ids = release.ids.tolist()
    signs = _signs(key, ids)
    test = signflip(asked * signs)
    others = np.stack([_signs(each, ids) for each in control_keys(key, controls)])
    control_log10_p = signflip_control(asked * signs, others != signs)
    published = int((asked * signs > 0).sum())
    return Finding(
        access=access,
        statistic="signed-rank sum of the preference for the published twin",
        null=_NULL,
        log10_p=test.log10_p,
        effect=test.statistic / test.largest if test.largest else 0.0,
        effect_means="signed-rank sum over the largest possible one, from -1 to 1",
        coins=test.pairs - test.zeros,
        control_log10_p=tuple(control_log10_p.tolist()),
        controls=(uniform_control(control_log10_p),),
        details={
            "pairs": test.pairs,
            "published_preferred": published,
            "sealed_preferred": test.pairs - test.zeros - published,
            "undecided": test.zeros,
        },
    )


def beyond(asked: Reals, reference: Reals) -> Reals:
    """What is left of preferences after their least-squares multiple of the reference's, (k,).

    Neither knows which twin is published, so neither does the rest.
    """
    scale = float(reference @ reference)
    return asked - reference * (float(asked @ reference) / scale) if scale > 0 else asked


def _signs(key: Key, ids: list[str]) -> Reals:
    """+1 where the first twin is published, -1 where the second one is."""
    return np.where(published_twins(key, ids) == 0, 1.0, -1.0)
