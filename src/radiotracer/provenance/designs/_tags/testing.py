"""Audit by tags: does the suspect name the labels that only the coins could tell?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiotracer.data import Images, Labels
from radiotracer.provenance.controls import CONTROLS, control_keys, uniform_control
from radiotracer.provenance.designs._tags.patterns import PATTERNS, tag_labels
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.models import Access, Suspect, require_access
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source
from radiotracer.stats import binomial_log10_p

_NULL = (
    "exact: each tag's label was drawn uniformly from all classes and independently of its "
    "pattern, so a model that does not depend on these labels names each of them with probability "
    "1 / classes, independently"
)


def audit_tags(
    release: Release, coins: Source, suspect: Suspect, access: Access, *, controls: int = CONTROLS
) -> Finding:
    """Ask a suspect for the labels of all tags, and count those that were drawn.

    Whatever the suspect names, the drawn label is another draw: with C classes and n tags the hits
    of a model that knows nothing of the labels are distributed as Binomial(n, 1 / C), even if it
    gives all tags one label. A class beyond the data's is never a hit.

    Controls draw other labels for the same tags, by fresh keys; the suspect is asked once. Hits are
    few whole numbers, and p-values of them coarser than uniform ones. A control's p-value is
    therefore drawn, by its key, between those of its hits and of one hit more, which makes it
    exactly uniform, so that a test that rejects too easily shows. The audit's own is never drawn.

    Source: Bouaziz, El-Mhamdi and Usunier 2024, "Data taggants". Differs in: the first label alone,
    not the first k; classes all alike; and controls.

    Args:
        release: Of the design ``tags``.
        coins: What was drawn in it.
        suspect: Asked about every tag once.
        access: Labels.
        controls: How many fresh keys the same test is repeated with.

    Raises:
        InputError: The suspect does not give that, or its answers cannot be used.
    """
    require_access(suspect, access)
    tags, classes = tags_asked(release), len(release.protocol.class_names)
    named = suspect.labels(tags)
    hits = int((named == tag_labels(coins, len(tags), classes)).sum())
    other = control_log10_p(named, coins, classes, controls)
    return Finding(
        access=access,
        statistic="how many tags are given the label that was drawn for them",
        null=_NULL,
        log10_p=binomial_log10_p(hits, len(tags), 1 / classes),
        effect=(hits / len(tags) - 1 / classes) / (1 - 1 / classes),
        effect_means="hits beyond chance, as a share of all there could be, at most 1",
        coins=len(tags),
        control_log10_p=tuple(other.tolist()),
        controls=(uniform_control(other),),
        details={
            "tags": len(tags),
            "hits": hits,
            "classes": classes,
            "expected_hits": len(tags) / classes,
            "labels_named": len(np.unique(named)),
        },
        least_log10_p=-len(tags) * float(np.log10(classes)),
        stands_on=f"{len(tags)} tag{'s' * (len(tags) != 1)} of {classes} classes",
    )


def tags_asked(release: Release) -> Images:
    """The images that an audit asks about: all tags, uint8, shape (n, h, w, c)."""
    return release.laid.arrays[PATTERNS]


def control_log10_p(named: Labels, coins: Source, classes: int, count: int) -> NDArray[np.float64]:
    """The test under fresh keys, each p-value drawn evenly from the step that it stands on.

    Args:
        named: What the suspect named of each tag, shape (n,).
        coins: Of the release that is audited.
        classes: At least 2.
        count: How many keys.

    Returns:
        log10 p-values, shape (count,): independent and exactly uniform for any `named` in range.
    """
    trials = len(named)
    tail = np.array([binomial_log10_p(k, trials, 1 / classes) for k in range(trials + 1)])
    p = np.append(10.0**tail, 0.0)
    found = []
    for other in control_keys(coins, count):
        hits = int((named == tag_labels(other, trials, classes)).sum())
        part = (int.from_bytes(other.derive("tag/step", 7)) + 0.5) / 2**56
        found.append(p[hits + 1] + part * (p[hits] - p[hits + 1]))
    return np.asarray(np.log10(np.maximum(found, 1e-290)))
