"""Answers that an audit recorded, found again."""

from __future__ import annotations

from pathlib import Path

from radiotracer.data.modality import nouns
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.provenance.checked import Checked
from radiotracer.provenance.evidence import Asked
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.provenance.release import Release


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
