"""Audit by twins: does the suspect prefer what a secret coin published to what it sealed?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiotracer.audit.controls import CONTROLS, silent_control, uniform_control
from radiotracer.audit.finding import Control, Finding
from radiotracer.audit.suspects import Access, Suspect, require_access
from radiotracer.data import Images, Labels
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
    access: Access,
    *,
    references: Sequence[Suspect] = (),
    controls: int = CONTROLS,
) -> Finding:
    """Ask a suspect about both twins of every marked image.

    By scores, a pair counts by how much the suspect prefers its published twin (log odds of the
    label), less what networks explain of that which cannot know the coins (least squares): the
    marking networks, and references. By labels, a pair counts where the suspect names the label for
    one twin only. All of it but the sign is known without the key, and the coin decided the sign:
    the sign-flip test is exact for any suspect that does not depend on the coins, whatever it was
    trained on.

    References make the test more powerful, the more they are like the suspect: the auditor's own
    networks, trained as the suspect may have been, on the originals or on data like them. Never on
    published data: a control finds that out.

    Source: Huang, Gong and Reiter 2024, "A general framework for data-use auditing of ML models",
    who compare scores of a published and a sealed version, too. Differs in: one exact test of all
    pairs in place of a sequential one, and the part that the marking networks explain is taken off.

    Args:
        release: Of the design ``twins``.
        key: Its secret.
        suspect: 2k images are asked about.
        access: Scores or labels.
        references: Give scores; used with access to scores alone.
        controls: How many fresh keys the same test is repeated with.

    Raises:
        InputError: The suspect does not give that, or its answers cannot be used.
    """
    require_access(suspect, access)
    twins, labels = release.planted.arrays["twins"], release.labels
    ids = release.ids.tolist()
    signs = _signs(key, ids)
    checked = []
    if access == "scores":
        blind = [release.planted.arrays["reference"]]
        if references:
            blind.append(np.mean([_asked(each, twins, labels) for each in references], axis=0))
            checked.append(_blind_control(blind[-1] * signs))
        asked = beyond(_asked(suspect, twins, labels), np.stack(blind, axis=1))
    else:
        right = [suspect.labels(twins[:, which]) == labels for which in (0, 1)]
        asked = right[0].astype(np.float64) - right[1]
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
        controls=(uniform_control(control_log10_p), *checked),
        details={
            "pairs": test.pairs,
            "published_preferred": published,
            "sealed_preferred": test.pairs - test.zeros - published,
            "undecided": test.zeros,
        },
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


def _asked(suspect: Suspect, twins: Images, labels: Labels) -> Reals:
    return preference(suspect.scores(twins[:, 0]), suspect.scores(twins[:, 1]), labels)


def _blind_control(differences: Reals) -> Control:
    """Whether references prefer published twins, or sealed ones: then they know the coins."""
    either = min(signflip(differences).log10_p, signflip(-differences).log10_p)
    return silent_control("references", min(0.0, either + np.log10(2.0)), "either twin preferred")


def _signs(key: Key, ids: list[str]) -> Reals:
    """+1 where the first twin is published, -1 where the second one is."""
    return np.where(published_twins(key, ids) == 0, 1.0, -1.0)
