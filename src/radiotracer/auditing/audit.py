"""Audit a suspect by what was planted and by what it gives."""

from __future__ import annotations

from collections.abc import Sequence

from radiotracer.auditing.carrier_test import Build, audit_carriers
from radiotracer.auditing.finding import Finding
from radiotracer.auditing.suspects import Access, Suspect
from radiotracer.auditing.twin_test import audit_twins
from radiotracer.data import Images
from radiotracer.errors import InputError
from radiotracer.marking import Key
from radiotracer.marking.protocol import Design
from radiotracer.marking.release import Release

USES: dict[Design, tuple[Access, ...]] = {
    "twins": ("scores", "labels"),
    "carriers": ("weights", "scores"),
}
"""What each design can be audited by, the most telling first."""


def best_access(release: Release, suspect: Suspect) -> Access:
    """The most telling test that the design and the suspect allow.

    Raises:
        InputError: There is none.
    """
    uses = USES[release.protocol.design]
    for access in uses:
        if access in suspect.access:
            return access
    raise InputError(
        expected=f"a suspect model that gives {' or '.join(uses)}: "
        f"the data were marked by {release.protocol.design}",
        came=f"{suspect.name}, which gives {', '.join(sorted(suspect.access))}",
        do="open the model in another way",
    )


def audit(
    release: Release,
    key: Key,
    suspect: Suspect,
    access: Access | None = None,
    *,
    references: Sequence[Suspect] = (),
    held_out: Images | None = None,
    build: Build | None = None,
) -> Finding:
    """Test whether a suspect was trained on marked data.

    Args:
        release: What was marked, as committed.
        key: Its secret.
        suspect: The model.
        access: What to use of it; None is the most telling there is.
        references: Networks that cannot know the key, for more power: see the tests that use them.
        held_out: Unmarked images that the suspect was not trained on, for tests that need some.
        build: Makes the extractor from its description, for tests that need it.

    Raises:
        InputError: The commitment does not open, or the suspect or the design has no such test.
    """
    release.require_committed(key)
    access = access or best_access(release, suspect)
    uses = USES[release.protocol.design]
    if access not in uses:
        raise InputError(
            expected=f"--access {' or '.join(uses)} for data marked by {release.protocol.design}",
            came=access,
            do="choose one of these",
        )
    if release.protocol.design == "carriers":
        if held_out is None or build is None:
            raise InputError(
                expected="held-out, unmarked images to align the suspect with the extractor",
                came="none",
                do="pass --held-out, for example the test split",
            )
        return audit_carriers(release, key, suspect, access, held_out, build)
    return audit_twins(release, key, suspect, access, references=references)
