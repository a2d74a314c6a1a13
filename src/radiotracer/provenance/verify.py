"""Check evidence: open the commitment again, and compute the test again from recorded answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from radiotracer.data import Dataset, open_data
from radiotracer.data.modality import nouns
from radiotracer.errors import DataError, InputError
from radiotracer.files import sha256_file
from radiotracer.provenance.audit import design_of, with_and_without
from radiotracer.provenance.checked import Checked
from radiotracer.provenance.concluding import conclude
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.drawing import Drawing, drawing_of
from radiotracer.provenance.evidence import Asked, Evidence
from radiotracer.provenance.finding import Control, Finding
from radiotracer.provenance.key import Key
from radiotracer.provenance.known_positive import KNOWN_POSITIVE
from radiotracer.provenance.ledger import (
    SAME,
    Ledger,
    PastAudit,
    adjusted,
    head,
    is_chained,
    read_ledger,
    same_suspect,
    settings_of,
)
from radiotracer.provenance.models import Suspect, reopened
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.provenance.references import counts
from radiotracer.provenance.release import Release
from radiotracer.provenance.run_audit import QUERIES_FILE, reference_file
from radiotracer.provenance.times import stamped_at
from radiotracer.provenance.wording import ten_to
from radiotracer.runs import ModelSpec


def verify(
    audit: str | os.PathLike[str],
    marked: str | os.PathLike[str],
    key: Key,
    *,
    suspect: Suspect | Callable[[Release], Suspect] | None = None,
    held_out: Dataset | str | os.PathLike[str] | None = None,
    build: Callable[[ModelSpec], nn.Module] | None = None,
) -> tuple[Checked, ...]:
    """Check everything that can be, and stop where the rest would mean nothing.

    Args:
        audit: The folder that `run_audit` wrote, or its ``evidence.json``.
        marked: The folder of the release.
        key: Its key.
        suspect: The suspect, or what opens it for a release, to ask it again; None: what was
            recorded is used, and the one that the evidence names is opened where the audit used its
            weights.
        held_out: The held-out data that the test used, or where they lie now; None: where they
            were.
        build: See `audit`.

    Returns:
        Each thing that was checked.

    Raises:
        InputError: There is no evidence, or the suspect, its records, or the held-out data are not
            there or cannot be used.
    """
    audit, marked = Path(audit), Path(marked)
    evidence, folder = Evidence.read(audit), audit if audit.is_dir() else audit.parent
    release = Release.read(marked)
    checks = [_same("key", evidence.key, key.fingerprint)]
    try:
        opened = release.opened(key)
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
        _same("release record", evidence.record, release.record.digest),
    ]
    try:
        drawing = drawing_of(
            release.record.randomness, release.commitment.digest, stamped_at(marked)
        )
    except DataError as error:
        return (*checks, Checked("coins", False, error.came))
    checks.append(Checked("coins", evidence.drawing == drawing, _drawn(drawing)))
    asked: Suspect | None
    if suspect is None and evidence.access != "weights":
        asked = _recorded(evidence.suspect, release, folder / QUERIES_FILE, checks)
    else:
        asked = _asked_again(evidence, release, suspect)
        checks.append(_same_suspect(asked, evidence.suspect))
    references = [
        _recorded(each, release, folder / reference_file(number), checks)
        for number, each in enumerate(evidence.references, start=1)
    ]
    if asked is None or None in references or not all(each.holds for each in checks):
        return tuple(checks)
    inputs = Inputs(
        references=[each for each in references if each is not None],
        held_out=_unmarked(evidence, release, held_out),
        build=build,
        control_keys=evidence.control_keys,
    )
    checks += [
        Checked(
            f"reference {each.name}",
            each.counts == counts(each.identity, release.protocol),
            "committed to before the coins"
            if each.counts
            else "not committed to before the coins: it does not count",
        )
        for each in evidence.references
    ]
    finding, beside = with_and_without(opened, asked, evidence.access, inputs)
    if beside is not None or evidence.beside is not None:
        checks.append(
            _close("log10 p with references that do not count", evidence.beside or 0.0, beside)
        )
    ledger = read_ledger(marked, release.commitment.digest)
    return (*checks, *_against(evidence, finding, release, key, ledger, drawing))


def _asked_again(
    evidence: Evidence, release: Release, suspect: Suspect | Callable[[Release], Suspect] | None
) -> Suspect:
    """The suspect itself, opened anew."""
    if suspect is None:
        return reopened(evidence.suspect.identity, like=release.published)
    return suspect(release) if callable(suspect) else suspect


def _same_suspect(asked: Suspect, then: Asked) -> Checked:
    """By its weights: what builds the network around them shows in what it answers."""
    digest, named = asked.identity.get("sha256"), asked.identity.get("network", "")
    if digest is None:
        return Checked("suspect", same_suspect(asked.identity, then.identity), asked.name)
    built = then.identity.get("network", "")
    other = f", built by {named[:60]} and not by {built[:60]}" if named != built else ""
    return Checked(
        "suspect",
        digest == then.identity.get("sha256"),
        f"{asked.name}, {digest[:12]}{other}",
    )


def _unmarked(
    evidence: Evidence, release: Release, given: Dataset | str | os.PathLike[str] | None
) -> Dataset | None:
    """The unmarked data of the audit; others than then are an error."""
    used = evidence.held_out
    if used is None or "held_out" not in design_of(release).uses:
        return None
    if isinstance(given, Dataset):
        found = given
    else:
        source = used.source if given is None else os.fspath(given)
        found = open_data(source, like=release.published)
    if found.digest != used.digest:
        raise InputError(
            expected=f"the held-out examples of the audit, digest {used.digest[:12]}",
            came=f"others, digest {found.digest[:12]}",
            do="pass the same (held_out=)",
        )
    return found


def _recorded(asked: Asked, release: Release, path: Path, checks: list[Checked]) -> Suspect | None:
    """The recorded answers, if they are those of the evidence; what was found goes to `checks`."""
    what, modality = f"answers of {asked.name}", release.published.modality
    if path.is_file() and (digest := sha256_file(path)) != asked.log_sha256:
        checks.append(Checked(what, False, f"{path.name}, SHA-256 {digest[:12]}"))
        return None
    try:
        recorded = RecordedAnswers(path, asked.name, asked.identity, modality)
    except InputError as error:
        if not path.is_file():
            raise
        checks.append(Checked(what, False, error.came))
        return None
    same = recorded.asked == asked.queries
    checks.append(Checked(what, same, f"{nouns(modality, recorded.asked)} asked, {path.name}"))
    return recorded


def _against(  # noqa: PLR0917 - all that it is held against
    evidence: Evidence,
    finding: Finding,
    release: Release,
    key: Key,
    ledger: Ledger,
    drawing: Drawing,
) -> list[Checked]:
    present = PastAudit(
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
    holm = adjusted(evidence.audits, present)
    again = conclude(
        finding,
        release,
        key,
        adjusted=0.0 if holm is None else holm,
        audits=evidence.audits,
        drawing=drawing,
        first_seen=evidence.first_seen,
        suspect=evidence.suspect,
        references=evidence.references,
        beside=evidence.beside,
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
        _close(
            "log10 p that decides", evidence.deciding_log10_p_value, again.deciding_log10_p_value
        ),
        Checked(
            "audits",
            evidence.audits == ledger.audits[: len(evidence.audits)],
            f"{len(evidence.audits):,} then, {len(ledger.audits):,} in the ledger now; how many "
            "there were is the owner's word",
        ),
        Checked(
            "chain of audits",
            is_chained(evidence.audits, evidence.commitment)
            and evidence.ledger_head == head(evidence.audits, evidence.commitment),
            f"head {evidence.ledger_head[:12]}",
        ),
        *(
            Checked(what, _alike(evidence, again, fields), told[what])
            for what, fields in parts.items()
        ),
    ]


def _drawn(drawing: Drawing) -> str:
    when = "" if drawing.drawn_at is None else f" at {drawing.drawn_at}"
    charged = f", allowance {ten_to(drawing.log10_allowance)}" if drawing.log10_allowance else ""
    return f"drawn by {drawing.strength}{when}{charged}"


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
        return Checked(what, False, "this audit is not in the ledger")
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
