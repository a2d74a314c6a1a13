"""Check evidence: open the commitment again, and compute the test again from recorded answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.asked_again import Held, same_answers, same_network
from radiotracer.provenance.audit import with_and_without
from radiotracer.provenance.bundle import held_out_in, open_bundle
from radiotracer.provenance.checked import Checked, close, same
from radiotracer.provenance.clean import clean_networks
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.drawing import Drawing, drawing_of
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.held_out import held_out_of
from radiotracer.provenance.key import Key
from radiotracer.provenance.ledger import Ledger, read_ledger
from radiotracer.provenance.models import Suspect, open_suspect, reopened
from radiotracer.provenance.own_references import by_own_references
from radiotracer.provenance.recomputed import against
from radiotracer.provenance.references import counts
from radiotracer.provenance.release import Opened, Release
from radiotracer.provenance.run_audit import QUERIES_FILE, reference_file
from radiotracer.provenance.times import stamped_at
from radiotracer.provenance.used_then import recorded_then
from radiotracer.provenance.wording import ten_to
from radiotracer.runs import ModelSpec

Given = Suspect | str | os.PathLike[str]
"""A model, or what opens it."""


def verify(
    audit: str | os.PathLike[str],
    marked: str | os.PathLike[str],
    key: Key,
    *,
    suspect: Suspect | Callable[[Release], Suspect] | None = None,
    held_out: Dataset | str | os.PathLike[str] | None = None,
    build: Callable[[ModelSpec], nn.Module] | None = None,
    roots: Sequence[x509.Certificate] | None = None,
    clean: Sequence[Given] = (),
    references: Sequence[Given] = (),
) -> tuple[Checked, ...]:
    """Check everything that can be, and stop where the rest would mean nothing.

    Args:
        audit: The folder that `run_audit` wrote, or its ``evidence.json``.
        marked: The folder of the release.
        key: Its key.
        suspect: The suspect, or what opens it for a release, to ask it again, by code of the
            verifier's own; see `asked_again`. None: what was recorded is used alone, and the one
            that the evidence names is opened where the audit used its weights.
        held_out: The held-out data that the test used, or where they lie now; None: where they
            were.
        build: See `audit`.
        roots: Whose time-stamp authorities to believe; None: the roots of this system.
        clean: Networks of the verifier's own that never saw the release; see `clean`.
        references: References of the verifier's own; see `own_references`.

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
        references=references,
    )


def verify_bundle(
    folder: str | os.PathLike[str],
    *,
    suspect: Suspect | Callable[[Release], Suspect] | None = None,
    build: Callable[[ModelSpec], nn.Module] | None = None,
    roots: Sequence[x509.Certificate] | None = None,
    clean: Sequence[Given] = (),
    references: Sequence[Given] = (),
) -> tuple[Checked, ...]:
    """The same of a bundle, which needs neither the key nor the sealed half.

    Args:
        folder: What `disclose` wrote.
        suspect: See `verify`.
        build: See `audit`.
        roots: See `verify`.
        clean: See `verify`.
        references: See `verify`.

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
        references=references,
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
    clean: Sequence[Given] = (),
    references: Sequence[Given] = (),
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
    again = None
    if suspect is not None or evidence.access == "weights":
        again = _asked_again(evidence, release, suspect)
        checks += same_network(again, evidence.suspect, release)
    recorded = None
    if evidence.access != "weights" and (again is None or (answers / QUERIES_FILE).is_file()):
        recorded = recorded_then(evidence.suspect, release, answers / QUERIES_FILE, checks)
    asked: Suspect | None = recorded or again
    then = [
        recorded_then(each, release, answers / reference_file(number), checks)
        for number, each in enumerate(evidence.references, start=1)
    ]
    if asked is None or None in then or not all(each.holds for each in checks):
        return tuple(checks)
    inputs = Inputs(
        references=[each for each in then if each is not None],
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
    try:
        finding, beside = with_and_without(opened, asked, evidence.access, inputs)
    except InputError:
        if again is None or recorded is None:
            raise
        asked, recorded = again, None
        # What was asked is made otherwise here, as marks on another kind of processor can be.
        finding, beside = with_and_without(opened, asked, evidence.access, inputs)
    if recorded is not None and again is not None:
        held = Held(again, recorded)
        now, _ = with_and_without(opened, held, evidence.access, inputs)
        checks.append(same_answers(evidence, held, now))
    if beside is not None or evidence.beside is not None:
        checks.append(
            close("log10 p with references that do not count", evidence.beside or 0.0, beside)
        )
    if clean:
        own = [_opened_for(each, release) for each in clean]
        checks.append(clean_networks(opened, evidence.access, own, inputs))
    if references:
        own = [_opened_for(each, release) for each in references]
        checks.append(by_own_references(evidence, opened, asked, own, inputs))
    return (*checks, *against(evidence, finding, release, known, drawing))


def _opened_for(given: Given, release: Release) -> Suspect:
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


def _drawn(drawing: Drawing, *, stands: bool) -> str:
    when = "" if drawing.drawn_at is None else f" at {drawing.drawn_at}"
    charged = f", allowance {ten_to(drawing.log10_allowance)}" if drawing.log10_allowance else ""
    missing = "" if stands else f", and no stamp of {drawing.stamped_at} is there"
    return f"drawn by {drawing.strength}{when}{charged}{missing}"
