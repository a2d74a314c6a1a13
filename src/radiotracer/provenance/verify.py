"""Check evidence: open the commitment again, and compute the test again from recorded answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from torch import nn

from radiotracer.data import Dataset
from radiotracer.data.modality import nouns
from radiotracer.errors import DataError, InputError
from radiotracer.files import sha256_file
from radiotracer.provenance.audit import with_and_without
from radiotracer.provenance.bundle import held_out_in, open_bundle
from radiotracer.provenance.checked import Checked, close, same
from radiotracer.provenance.clean import clean_networks
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.drawing import Drawing, drawing_of
from radiotracer.provenance.evidence import Asked, Evidence
from radiotracer.provenance.held_out import held_out_of
from radiotracer.provenance.key import Key
from radiotracer.provenance.ledger import Ledger, read_ledger, same_suspect
from radiotracer.provenance.models import Suspect, open_suspect, reopened
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.provenance.recomputed import against
from radiotracer.provenance.references import counts
from radiotracer.provenance.release import Opened, Release
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
    roots: Sequence[x509.Certificate] | None = None,
    clean: Sequence[Suspect | str | os.PathLike[str]] = (),
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
        roots: Whose time-stamp authorities to believe; None: the roots of this system.
        clean: Networks of the verifier's own that never saw the release; see `clean`.

    Returns:
        Each thing that was checked.

    Raises:
        InputError: There is no evidence, or the suspect, its records, or the held-out data are not
            there or cannot be used.
    """
    audit, marked = Path(audit), Path(marked)
    evidence = Evidence.read(audit)
    release = Release.read(marked)
    checks = [same("key", evidence.key, key.fingerprint)]
    try:
        opened = release.opened(key)
        checks.append(Checked("commitment", True, f"opens: {release.commitment.digest[:12]}"))
    except InputError as error:
        return (*checks, Checked("commitment", False, error.came))
    answers = audit if audit.is_dir() else audit.parent
    return _verified(
        evidence,
        opened,
        answers,
        checks,
        stamps=marked,
        ledger=lambda: read_ledger(marked),
        suspect=suspect,
        held_out=held_out,
        build=build,
        roots=roots,
        clean=clean,
    )


def verify_bundle(
    folder: str | os.PathLike[str],
    *,
    suspect: Suspect | Callable[[Release], Suspect] | None = None,
    build: Callable[[ModelSpec], nn.Module] | None = None,
    roots: Sequence[x509.Certificate] | None = None,
    clean: Sequence[Suspect | str | os.PathLike[str]] = (),
) -> tuple[Checked, ...]:
    """The same of a bundle, which needs neither the key nor the sealed half.

    Args:
        folder: What `disclose` wrote.
        suspect: See `verify`.
        build: See `audit`.
        roots: See `verify`.
        clean: See `verify`.

    Raises:
        InputError: It is no bundle, or the suspect or its records cannot be used.
    """
    folder = Path(folder)
    evidence = Evidence.read(folder)
    try:
        opened = open_bundle(folder)
        held_out = held_out_in(folder, evidence, opened.release)
    except DataError as error:
        return (Checked("bundle", False, f"not the {error.expected}: {error.came}"),)
    digest = opened.release.commitment.digest
    checks = [Checked("bundle", True, f"opens {digest[:12]} without the key")]
    quoted = Ledger(evidence.audits)
    return _verified(
        evidence,
        opened,
        folder,
        checks,
        stamps=folder,
        ledger=lambda: quoted,
        suspect=suspect,
        held_out=held_out,
        build=build,
        roots=roots,
        clean=clean,
    )


def _verified(
    evidence: Evidence,
    opened: Opened,
    answers: Path,
    checks: list[Checked],
    *,
    stamps: Path,
    ledger: Callable[[], Ledger],
    suspect: Suspect | Callable[[Release], Suspect] | None = None,
    held_out: Dataset | str | os.PathLike[str] | None = None,
    build: Callable[[ModelSpec], nn.Module] | None = None,
    roots: Sequence[x509.Certificate] | None = None,
    clean: Sequence[Suspect | str | os.PathLike[str]] = (),
) -> tuple[Checked, ...]:
    """What is checked once the commitment was opened, by the key or by a bundle."""
    release = opened.release
    checks += [
        same("commitment's digest", evidence.commitment, release.commitment.digest),
        Checked(
            "protocol",
            evidence.protocol == release.protocol.model_dump(mode="json")
            and evidence.alpha == release.protocol.alpha,
            f"{release.protocol.design}, level {release.protocol.alpha:g}",
        ),
        same("release record", evidence.record, release.record.digest),
    ]
    shown = stamped_at(stamps, release.commitment.digest, roots)
    said = evidence.drawing.stamped_at
    try:
        claimed = None if said is None else datetime.fromisoformat(said)
        drawing = drawing_of(release.record.randomness, release.commitment.digest, claimed)
    except (DataError, TypeError, ValueError) as error:
        came = error.came if isinstance(error, DataError) else "no time in UTC"
        return (*checks, Checked("coins", False, came))
    # A stamp that came later than the evidence changes nothing of it; one that is missing does.
    stands = claimed is None or (shown is not None and shown.replace(microsecond=0) <= claimed)
    checks.append(
        Checked("coins", evidence.drawing == drawing and stands, _drawn(drawing, stands=stands))
    )
    try:
        known = ledger()
    except DataError as error:
        return (*checks, Checked("audits", False, error.came))
    asked: Suspect | None
    if suspect is None and evidence.access != "weights":
        asked = _recorded(evidence.suspect, release, answers / QUERIES_FILE, checks)
    else:
        asked = _asked_again(evidence, release, suspect)
        checks.append(_same_suspect(asked, evidence.suspect))
    references = [
        _recorded(each, release, answers / reference_file(number), checks)
        for number, each in enumerate(evidence.references, start=1)
    ]
    if asked is None or None in references or not all(each.holds for each in checks):
        return tuple(checks)
    inputs = Inputs(
        references=[each for each in references if each is not None],
        held_out=held_out_of(evidence, release, held_out),
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
            close("log10 p with references that do not count", evidence.beside or 0.0, beside)
        )
    if clean:
        own = [_opened_for(each, release) for each in clean]
        checks.append(clean_networks(opened, evidence.access, own, inputs))
    return (*checks, *against(evidence, finding, release, known, drawing))


def _opened_for(given: Suspect | str | os.PathLike[str], release: Release) -> Suspect:
    if isinstance(given, str | os.PathLike):
        return open_suspect(given, like=release.published)
    return given


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


def _drawn(drawing: Drawing, *, stands: bool) -> str:
    when = "" if drawing.drawn_at is None else f" at {drawing.drawn_at}"
    charged = f", allowance {ten_to(drawing.log10_allowance)}" if drawing.log10_allowance else ""
    missing = "" if stands else f", and no stamp of {drawing.stamped_at} is there"
    return f"drawn by {drawing.strength}{when}{charged}{missing}"
