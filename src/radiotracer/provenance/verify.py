"""Check evidence: open the commitment again, and compute the test again from recorded answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.provenance import Key
from radiotracer.provenance.audit import audit
from radiotracer.provenance.carrier_test import Build
from radiotracer.provenance.evidence import Asked, Evidence, conclude
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.held_out_marks import labels_of
from radiotracer.provenance.known_positive import KNOWN_POSITIVE
from radiotracer.provenance.ledger import (
    SAME,
    Look,
    Looks,
    adjusted,
    read_looks,
    same_suspect,
    settings_of,
)
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.provenance.release import Release
from radiotracer.provenance.run_audit import QUERIES_FILE, reference_file


@dataclass(frozen=True)
class Checked:
    """One thing that was checked.

    Args:
        what: In words.
        holds: Whether it is so.
        came: What was found, in words.
    """

    what: str
    holds: bool
    came: str


def verify(
    evidence: Evidence,
    folder: Path,
    marked: Path,
    release: Release,
    key: Key,
    *,
    suspect: Callable[[], Suspect] | None = None,
    held_out: Callable[[], Dataset] | None = None,
    build: Build | None = None,
) -> tuple[Checked, ...]:
    """Check everything that can be, and stop where the rest would mean nothing.

    Args:
        evidence: What is checked.
        folder: With its logs.
        marked: The folder of the release.
        release: What was read from it.
        key: Its key.
        suspect: Opens the suspect, to ask it again; None: what was recorded is used.
        held_out: Opens the held-out data that the test used, where it used some.
        build: See `auditing.audit`.

    Raises:
        InputError: The suspect, or its records, are not there or cannot be used.
    """
    checks = [_same("key", evidence.key, key.fingerprint)]
    try:
        release.require_committed(key)
        checks.append(Checked("commitment", True, f"opens: {release.commitment.digest[:12]}"))
    except InputError as error:
        return (*checks, Checked("commitment", False, error.came))
    checks += [
        _same("commitment's digest", evidence.commitment, release.commitment.digest),
        Checked(
            "protocol",
            evidence.protocol == release.protocol.model_dump(mode="json")
            and evidence.alpha == release.protocol.alpha,
            f"{release.protocol.design}, level {release.protocol.alpha:g}",
        ),
    ]
    asked = _recorded(evidence.suspect, folder / QUERIES_FILE, checks) if suspect is None else None
    if suspect is not None:
        asked = suspect()
        same = same_suspect(asked.identity, evidence.suspect.identity)
        digest = asked.identity.get("sha256", "no digest")
        checks.append(Checked("suspect", same, f"{asked.name}, {digest[:12]}"))
    references = [
        _recorded(each, folder / reference_file(number), checks)
        for number, each in enumerate(evidence.references, start=1)
    ]
    if asked is None or None in references or not all(each.holds for each in checks):
        return tuple(checks)
    unmarked = None if held_out is None else held_out()
    finding = audit(
        release,
        key,
        asked,
        evidence.access,
        references=[each for each in references if each is not None],
        held_out=None if unmarked is None else unmarked.content,
        held_out_labels=labels_of(unmarked, release) if evidence.control_keys else None,
        build=build,
        control_keys=evidence.control_keys,
    )
    ledger = read_looks(marked)
    return (*checks, *_against(evidence, finding, release, key, ledger))


def _recorded(asked: Asked, path: Path, checks: list[Checked]) -> Suspect | None:
    """The recorded answers, if they are those of the evidence; what was found goes to `checks`."""
    what = f"answers of {asked.name}"
    if path.is_file() and (digest := sha256_file(path)) != asked.log_sha256:
        checks.append(Checked(what, False, f"{path.name}, SHA-256 {digest[:12]}"))
        return None
    try:
        recorded = RecordedAnswers(path, asked.name, asked.identity)
    except InputError as error:
        if not path.is_file():
            raise
        checks.append(Checked(what, False, error.came))
        return None
    same = recorded.asked == asked.queries
    checks.append(Checked(what, same, f"{recorded.asked:,} images asked, {path.name}"))
    return recorded


def _against(
    evidence: Evidence, finding: Finding, release: Release, key: Key, ledger: Looks
) -> list[Checked]:
    present = Look(
        time=evidence.created,
        version=evidence.version,
        name=evidence.suspect.name,
        suspect=evidence.suspect.identity,
        access=finding.access,
        log10_p=finding.log10_p,
        settings=settings_of(
            evidence.control_keys, None if evidence.held_out is None else evidence.held_out.digest
        ),
    )
    holm = adjusted(evidence.looks, present)
    again = conclude(
        finding,
        release,
        key,
        adjusted=0.0 if holm is None else holm,
        looks=evidence.looks,
        suspect=evidence.suspect,
        references=evidence.references,
        held_out=evidence.held_out,
        control_keys=evidence.control_keys,
        created=evidence.created,
        version=evidence.version,
        positive=_positive(evidence),
    )
    parts = {
        "test and effect": ("statistic", "null", "effect", "effect_means", "coins", "details"),
        "controls": ("controls", "control_summary", "control_log10_p"),
        "verdict": ("verdict", "inconclusive_because"),
        "claim": ("claim", "alternatives"),
    }
    told = {
        "test and effect": f"effect {again.effect:.6g}, {again.coins:,} coins",
        "controls": f"{sum(each.passed for each in again.controls)} of {len(again.controls)} "
        f"passed, {again.control_summary.count:,} fresh keys",
        "verdict": again.verdict,
        "claim": "as the verdict and the p-values support",
    }
    return [
        _close("log10 p", evidence.log10_p_value, finding.log10_p),
        _close("log10 p after Holm", evidence.adjusted_log10_p_value, holm),
        Checked(
            "looks",
            evidence.looks == ledger.looks[: len(evidence.looks)],
            f"{len(evidence.looks):,} then, {len(ledger.looks):,} in the ledger now",
        ),
        *(
            Checked(what, _alike(evidence, again, fields), told[what])
            for what, fields in parts.items()
        ),
    ]


def _positive(evidence: Evidence) -> Control | None:
    """The known positive of then: what the owner found in their own network is not tried again."""
    for each in evidence.controls:
        if each.name == KNOWN_POSITIVE:
            return Control(each.name, each.expected, each.came, each.passed)
    return None


def _same(what: str, then: str, now: str) -> Checked:
    holds = then == now
    return Checked(what, holds, now[:12] if holds else f"{now[:12]}, not {then[:12]}")


def _close(what: str, then: float, now: float | None) -> Checked:
    if now is None:
        return Checked(what, False, "this look is not among the looks")
    holds = abs(then - now) <= SAME
    return Checked(what, holds, f"{now:.9g}" if holds else f"{now:.9g}, not {then:.9g}")


def _alike(one: Evidence, other: Evidence, fields: Sequence[str]) -> bool:
    """Whether these parts are the same, numbers up to their last digits."""
    return all(_near(getattr(one, name), getattr(other, name)) for name in fields)


def _near(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= SAME * max(1.0, abs(one), abs(other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_near(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_near, one, other))
    return one == other
