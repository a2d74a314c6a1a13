"""Audit a suspect by what was planted and by what it gives."""

from __future__ import annotations

from collections.abc import Sequence

from radiotracer.data import Images, Labels
from radiotracer.errors import InputError
from radiotracer.provenance import Key
from radiotracer.provenance.carrier_test import Build, audit_carriers
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.held_out_marks import Progress
from radiotracer.provenance.held_out_test import audit_held_out
from radiotracer.provenance.kept import Kept
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.protocol import Design
from radiotracer.provenance.release import Release
from radiotracer.provenance.tag_test import audit_tags
from radiotracer.provenance.twin_test import audit_twins

USES: dict[Design, tuple[Access, ...]] = {
    "twins": ("scores", "labels"),
    "carriers": ("weights", "scores"),
    "tags": ("labels",),
}
"""What each design can be audited by, the most telling first."""


def best_access(release: Release, suspect: Suspect, *, control_keys: int | None = None) -> Access:
    """The most telling test that the design and the suspect allow; with control keys, scores.

    Raises:
        InputError: There is none.
    """
    uses = USES[release.protocol.design]
    if control_keys is not None:
        return "scores"
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
    held_out_labels: Labels | None = None,
    build: Build | None = None,
    control_keys: int | None = None,
    kept: Kept | None = None,
    progress: Progress = lambda *_: None,
) -> Finding:
    """Test whether a suspect was trained on marked data.

    Args:
        release: What was marked, as committed.
        key: Its secret.
        suspect: The model.
        access: What to use of it; None is the most telling there is.
        references: Networks that cannot know the key, for more power: see the tests that use them.
        held_out: Unmarked images that the suspect was not trained on, for tests that need some.
        held_out_labels: Their classes, for the test with control keys.
        build: Makes the extractor from its description, for tests that need it.
        control_keys: Of carriers by scores: mark the held-out images with the key and with so many
            others, in place of fitting a classifier to the scores (`audit_held_out`); None does
            that. Which one is asked belongs before the first look: each is a look.
        kept: Where finished marks of held-out images are kept, so that an audit that was stopped
            goes on there; it must have begun with what this call depends on. Nothing else that an
            audit computes is worth keeping: a distillation is one least-squares fit.
        progress: Told what is done before the suspect is asked.

    Raises:
        InputError: The commitment does not open, or the suspect or the design has no such test.
    """
    release.require_committed(key)
    access = access or best_access(release, suspect, control_keys=control_keys)
    require_control_keys_fit(release, access, control_keys)
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
        if control_keys is None:
            return audit_carriers(release, key, suspect, access, held_out, build)
        if held_out_labels is None:
            raise InputError(
                expected="labels of the held-out images, for a test with control keys",
                came="images alone",
                do="pass labelled data with --held-out",
            )
        return audit_held_out(
            release,
            key,
            suspect,
            held_out,
            held_out_labels,
            build,
            keys=control_keys,
            kept=kept,
            progress=progress,
        )
    if release.protocol.design == "tags":
        return audit_tags(release, key, suspect, access)
    return audit_twins(release, key, suspect, access, references=references)


def require_control_keys_fit(release: Release, access: Access, control_keys: int | None) -> None:
    """Raise `InputError` if there are control keys where no test marks held-out images."""
    design = release.protocol.design
    if control_keys is not None and (design != "carriers" or access != "scores"):
        raise InputError(
            expected="--control-keys with --access scores and data marked by carriers",
            came=f"{access} and data marked by {design}",
            do="leave it out" + (", or pass --access scores" if design == "carriers" else ""),
        )
