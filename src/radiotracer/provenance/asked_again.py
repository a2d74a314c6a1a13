"""The suspect is asked again, by whoever doubts: is it the network that the evidence is about?

The number of evidence rests on recorded answers, and answers can be those of other code around the
same weights. So a verifier asks the weights by code of their own: first the probes, which say
whether this is the network at all, then everything that the audit asked. Where the answers differ,
the evidence's number belongs to another network.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.provenance.checked import Checked
from radiotracer.provenance.evidence import Asked, Evidence
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.ledger import same_suspect
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.models.code import source_of
from radiotracer.provenance.models.protocol import Labels, Scores
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.provenance.models.wrapped import Wrapped
from radiotracer.provenance.probed import NEAR, near
from radiotracer.provenance.probes import probe, probe_rows
from radiotracer.provenance.release import Release

P_NEAR = 0.05
"""Log10 p-values of answers that differ in their last digits alone differ by no more, and `NEAR` of
what they are."""


class Held(Wrapped):
    """A suspect that answers, each answer held against the recorded one.

    Args:
        suspect: Who is asked.
        recorded: What was recorded.
    """

    def __init__(self, suspect: Suspect, recorded: RecordedAnswers) -> None:
        super().__init__(suspect)
        self._recorded = recorded
        self._same: dict[bytes, bool] = {}

    @property
    def of(self) -> int:
        """How many examples were asked about."""
        return len(self._same)

    @property
    def others(self) -> int:
        """How many were answered otherwise than was recorded."""
        return sum(not each for each in self._same.values())

    def scores(self, content: Any) -> Scores:
        """The suspect's; see `Suspect.scores`."""
        now, then = self.suspect.scores(content), self._recorded.scores(content)
        if now.shape != then.shape:
            return self._counted(content, np.zeros(len(now), dtype=bool), now)
        scale = np.maximum(1.0, np.maximum(np.abs(now), np.abs(then)))
        return self._counted(content, np.all(np.abs(now - then) <= NEAR * scale, axis=1), now)

    def labels(self, content: Any) -> Labels:
        """The suspect's; see `Suspect.labels`."""
        now = self.suspect.labels(content)
        return self._counted(content, now == self._recorded.labels(content), now)

    def _counted(self, content: Any, same: NDArray[np.bool_], now: NDArray[Any]) -> NDArray[Any]:
        digests = self.modality.hashes(content)
        self._same.update(zip(digests, same.tolist(), strict=True))
        return now


def same_network(asked: Suspect, then: Asked, release: Release) -> list[Checked]:
    """Whether it is the suspect: by its weights or file, and by its answers to the probes.

    Args:
        asked: What the verifier opened.
        then: What the evidence says.
        release: Whose probes are asked; of a bundle, which holds no unmarked examples, there are
            none.
    """
    checks = [Checked("suspect", _is_it(asked, then), asked.name + _built(asked, then))]
    now = None if then.probed is None else probe(release, asked)
    if then.probed is None or now is None:
        return checks
    others, count = then.probed.differing(now), len(then.probed.answers)
    if not others:
        return [*checks, Checked("probes", True, f"{count} of {count} answers as then")]
    first = others[0]
    name = str(release.published.ids[probe_rows(release)[first]])[:60]
    told = f"{now.answers[first]:g}, not {then.probed.answers[first]:g}" if now.answers else "none"
    came = (
        f"{len(others)} of {count} answers differ, the first about {name} ({now.of} {told}): the "
        "evidence's number belongs to another network"
    )
    return [*checks, Checked("probes", False, came)]


def same_answers(evidence: Evidence, held: Held, finding: Finding) -> Checked:
    """Whether it gives the number of the evidence.

    Args:
        evidence: What was said.
        held: The suspect, after the test has asked it again.
        finding: What the test gives of its answers now.
    """
    then, now = evidence.log10_p_value, finding.log10_p
    alike = abs(then - now) <= P_NEAR or near(then, now)
    what = f"{held.others:,} of {held.of:,} answers differ, log10 p {now:z.2f}"
    if not alike:
        return Checked(
            "asked again",
            False,
            f"{what}, not {then:z.2f}: the evidence's number belongs to another network",
        )
    source = source_of(held.identity)
    by_same = source is not None and source == source_of(evidence.suspect.identity)
    more = ", by the same code as then, which may answer from a list as it did" * by_same
    return Checked("asked again", True, what + more)


def _is_it(asked: Suspect, then: Asked) -> bool:
    """By its weights as such, or its file; of functions, which are code, answers alone can tell."""
    one, other = asked.identity, then.identity
    for name in ("weights", "sha256"):
        if name in one and name in other and "python" not in (one["kind"], other["kind"]):
            return one[name] == other[name]
    return one.get("kind") == other.get("kind") == "python" or same_suspect(one, other)


def _built(asked: Suspect, then: Asked) -> str:
    """Its digest, and by whose code it was built."""
    one, other = asked.identity, then.identity
    digest = one.get("weights", one.get("sha256", ""))[:12]
    said = f", {digest}" if digest else ""
    if source_of(one) == source_of(other):
        return said
    named = [
        each.get("network", each.get("function", ""))[:60] or "no code of anybody's"
        for each in (one, other)
    ]
    return f"{said}, built by {named[0]} and not by {named[1]}"
