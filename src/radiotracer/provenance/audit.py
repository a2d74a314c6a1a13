"""Audit a suspect by what was planted and by what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args

from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.provenance.design import Design, Input, Inputs, Progress
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.kept import Kept
from radiotracer.provenance.key import Key
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.references import counts
from radiotracer.provenance.release import Opened, Release
from radiotracer.runs import ModelSpec


def audit(
    release: Release,
    key: Key,
    suspect: Suspect,
    access: Access | None = None,
    *,
    references: Sequence[Suspect] = (),
    held_out: Dataset | None = None,
    build: Callable[[ModelSpec], nn.Module] | None = None,
    control_keys: int | None = None,
    kept: Kept | None = None,
    progress: Progress = lambda *_: None,
) -> Finding:
    """Test whether a suspect was trained on marked data, and write nothing down: see `run_audit`.

    Args:
        release: What was marked, as committed.
        key: Its secret.
        suspect: The model.
        access: What to use of it; None is the most telling there is.
        references: Models that cannot know the key, for more statistical power: of designs that
            use some.
        held_out: Unmarked examples that the suspect was not trained on: of designs that use some.
        build: Makes the extractor from its description, for tests that need it; None: it is a
            network of `radiotracer.training`.
        control_keys: Of carriers by scores: mark the held-out images with the key and with so many
            others, in place of fitting a classifier to the scores (`audit_held_out`); None does
            that. Which one is asked belongs before the first audit: each of them counts.
        kept: Where finished marks of held-out images are kept, so that an audit that was stopped
            goes on there; it must have begun with what this call depends on. Nothing else that an
            audit computes is worth keeping: a distillation is one least-squares fit.
        progress: Told what is done before the suspect is asked.

    Raises:
        InputError: The commitment does not open, or the suspect or the design has no such test.
    """
    inputs = Inputs(tuple(references), held_out, control_keys, build, kept, progress)
    return audit_opened(release.opened(key), suspect, access, inputs)


def audit_opened(
    opened: Opened, suspect: Suspect, access: Access | None, inputs: Inputs
) -> Finding:
    """The same of a release whose commitment was opened before."""
    design = design_of(opened.release)
    access = access_of(opened.release, suspect, access, inputs)
    return design.test(opened, suspect, access, inputs)


def with_and_without(
    opened: Opened, suspect: Suspect, access: Access | None, inputs: Inputs
) -> tuple[Finding, float | None]:
    """The test that decides, by references that count alone; and log10 p with all of them.

    Returns:
        The finding; None where all references count.
    """
    protocol = opened.release.protocol
    counting = [each for each in inputs.references if counts(each.identity, protocol)]
    finding = audit_opened(opened, suspect, access, replace(inputs, references=counting))
    if len(counting) == len(inputs.references):
        return finding, None
    return finding, audit_opened(opened, suspect, access, inputs).log10_p


def questions(release: Release, key: Key, access: Access | None = None, **inputs: Any) -> Any:
    """What an audit asks about, for a suspect that is asked elsewhere: see `answered_suspect`.

    It tells of what is sealed: whoever has it and the release knows the coins.

    Args:
        release: What was marked, as committed.
        key: Its secret.
        access: What will be used of the suspect; None is the most telling that the design has.
        inputs: As for `audit`.

    Returns:
        Examples in the form of the release's modality; their number where they are made later.

    Raises:
        InputError: The commitment does not open, or the design has no such test.
    """
    design, given = design_of(release), Inputs(**inputs)
    _require_uses(design, given)
    accesses = design.accesses_with(given)
    access = access or accesses[0]
    _require_access(design, access, accesses, given)
    return design.questions(release.opened(key), access, given)


def design_of(release: Release) -> Design[Any]:
    """What was planted in a release.

    Raises:
        InputError: A design that is not installed.
    """
    return DESIGNS[release.protocol.design]


def access_of(release: Release, suspect: Suspect, access: Access | None, inputs: Inputs) -> Access:
    """What an audit uses of the suspect: `access`, or the most telling that both sides have.

    Raises:
        InputError: There is none, the suspect is one of other examples, or the design has no use
            for an input.
    """
    design = design_of(release)
    for each in (suspect, *inputs.references):
        if each.modality.name != release.protocol.modality:
            raise InputError(
                expected=f"a model that is asked about {release.protocol.modality}, as were marked",
                came=f"{each.name}, which is asked about {each.modality.name}",
                do="open it for this release (like=release.published)",
            )
    _require_uses(design, inputs)
    accesses = design.accesses_with(inputs)
    if access is not None:
        _require_access(design, access, accesses, inputs)
        return access
    for each_access in accesses:
        if each_access in suspect.access:
            return each_access
    raise InputError(
        expected=f"a suspect model that gives {' or '.join(accesses)}: "
        f"the data were marked by {design.name}",
        came=f"{suspect.name}, which gives {', '.join(sorted(suspect.access))}",
        do="open the model in another way",
    )


def _require_uses(design: Design[Any], inputs: Inputs) -> None:
    """Raise `InputError` if there is an input that would change nothing."""
    given = {
        "references": bool(inputs.references),
        "held_out": inputs.held_out is not None,
        "control_keys": inputs.control_keys is not None,
    }
    names: tuple[Input, ...] = get_args(Input)
    for name in names:
        if given[name] and name not in design.uses:
            others = sorted(each for each, other in DESIGNS.items() if name in other.uses)
            raise InputError(
                expected=f"{name}= with data marked by {' or '.join(others)} alone",
                came=f"data marked by {design.name}",
                do="leave it out",
            )


def _require_access(
    design: Design[Any], access: Access, accesses: Sequence[Access], inputs: Inputs
) -> None:
    if access not in accesses:
        keys = "" if inputs.control_keys is None else f" and control_keys={inputs.control_keys}"
        raise InputError(
            expected=f"access={' or '.join(accesses)} for data marked by {design.name}{keys}",
            came=f"access={access}",
            do="choose one of these",
        )
