"""Unmarked examples for the audits that need some."""

from __future__ import annotations

import os

from radiotracer.data import Dataset, open_data
from radiotracer.errors import InputError
from radiotracer.provenance.audit import design_of
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.release import Release


def held_out_for(
    release: Release, given: Dataset | str | os.PathLike[str] | None = None
) -> Dataset | None:
    """Unmarked examples that suspects were not trained on; None where the design needs none.

    Args:
        release: What was marked.
        given: These examples, or a DATA argument; None: the split that belongs to the marked data.

    Raises:
        InputError: Some are given where none are needed, or none where some are.
    """
    if isinstance(given, Dataset):
        return given
    if "held_out" not in design_of(release).uses:
        if given is not None:
            raise InputError(
                expected=f"no held_out=: audits of {release.protocol.design} need none",
                came=os.fspath(given),
                do="leave it out",
            )
        return None
    source = release.published.validation if given is None else os.fspath(given)
    if source is None:
        raise InputError(
            expected="unmarked data that the suspect was not trained on",
            came="marked data without a test split",
            do="pass some (held_out=)",
        )
    return open_data(source, like=release.published)


def held_out_of(
    evidence: Evidence, release: Release, given: Dataset | str | os.PathLike[str] | None = None
) -> Dataset | None:
    """The unmarked examples of an audit again; None where its test used none.

    Args:
        evidence: What was said.
        release: What was audited.
        given: These examples, or where they lie now; None: where they were.

    Raises:
        InputError: They are others than then, or not there.
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
