"""Probes: a few public, unmarked examples by whose answers a network is known again.

A factory's name binds nothing, and the digest of its source says nothing to somebody who has code
of their own. So every audit writes down what the suspect answers to examples that follow from what
is public, and `verify` asks a network that claims to be the same. Probes bind which network it was,
never that it is clean: code that answers from a list of what was published answers them honestly.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.modality import each_hash
from radiotracer.provenance.models import Logged, Suspect
from radiotracer.provenance.preferences import log_odds
from radiotracer.provenance.probed import Probed
from radiotracer.provenance.release import Release
from radiotracer.provenance.rightly_asked import unmarked_rows

COUNT = 16
"""Probes of a release, where it has so many unmarked examples."""

_DECIMALS = 4


def probe_rows(release: Release) -> NDArray[np.int64]:
    """Which of the published examples are probes, shape (k,), k at most `COUNT`.

    Those that are asked about first anyway (`rightly_asked`), in the order of SHA-256 of the
    record's digest and their row.
    """

    def drawn(row: int) -> bytes:
        return hashlib.sha256(f"{release.record.digest}/probe/{row}".encode()).digest()

    rows = sorted(unmarked_rows(release).tolist(), key=drawn)
    return np.array(rows[:COUNT], dtype=np.int64)


def probe(release: Release, suspect: Suspect) -> Probed | None:
    """What a suspect says of the probes; None where there are none.

    Args:
        release: What was marked.
        suspect: Who is asked.

    Raises:
        InputError: Its answers cannot be used.
    """
    rows = probe_rows(release)
    content = release.published.modality.take(release.published.content, rows)
    labels = release.published.labels[rows]
    if not len(rows):
        return None
    if suspect.answers == "losses":
        return Probed(of="losses", answers=_rounded(-suspect.scores(content)[:, 0]))
    if "scores" not in suspect.access:
        return Probed(of="labels", answers=tuple(map(float, suspect.labels(content).tolist())))
    scores = suspect.scores(content)
    if scores.shape[1] <= max(1, labels.max()):
        return None
    return Probed(of="log odds", answers=_rounded(log_odds(scores, labels)))


def probe_of_audit(release: Release, suspect: Suspect, logged: Logged) -> Probed | None:
    """The same for an audit. What may cost something is not asked for probes alone.

    Args:
        release: What was marked.
        suspect: As it was opened.
        logged: The same, through the log of the audit.
    """
    if not getattr(suspect, "costly", False):
        return probe(release, suspect)
    content = release.published.modality.take(release.published.content, probe_rows(release))
    asked = set(each_hash(release.published.modality.hashes(content))) <= logged.known
    return probe(release, logged) if asked else None


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple((np.round(values, _DECIMALS) + 0.0).tolist())
