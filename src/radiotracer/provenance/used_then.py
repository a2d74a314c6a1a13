"""What an audit used, found again: recorded answers, and held-out examples."""

from __future__ import annotations

import os
from pathlib import Path

from radiotracer.data import Dataset, open_data
from radiotracer.data.modality import nouns
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.provenance.audit import design_of
from radiotracer.provenance.checked import Checked
from radiotracer.provenance.evidence import Asked, Evidence
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.provenance.release import Release


def unmarked_then(
    evidence: Evidence, release: Release, given: Dataset | str | os.PathLike[str] | None
) -> Dataset | None:
    """The unmarked data of an audit.

    Args:
        evidence: What was said.
        release: What was audited.
        given: Where they lie now; None: where they were.

    Raises:
        InputError: They are others.
    """
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


def recorded_then(
    asked: Asked, release: Release, path: Path, checks: list[Checked]
) -> RecordedAnswers | None:
    """The recorded answers, if they are those of the evidence.

    Args:
        asked: Whose.
        release: What was audited.
        path: Where they lie.
        checks: Has what was found added.

    Raises:
        InputError: There are none.
    """
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
