"""``radiotracer verify``: check the evidence of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out
from radiotracer.cli.key import read_key
from radiotracer.cli.options import Json, UsedHeldOut
from radiotracer.cli.signatures import SignedBy, standing_of
from radiotracer.cli.stamp import TsaCertificate, believed_roots
from radiotracer.cli.suspects import (
    Architecture,
    ClassesMap,
    GivenOutputs,
    HeadersFrom,
    Layout,
    Mean,
    Scale,
    Size,
    Std,
    Step,
    SuspectFactory,
    open_for,
)
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.provenance.checked import Checked, Told
    from radiotracer.provenance.evidence import Evidence
    from radiotracer.provenance.models import Suspect
    from radiotracer.provenance.release import Release
    from radiotracer.signing import Standing

_SIGNATURE, _PAGE, _TIME = "signature", "page", "time"
_LOOKS, _ASKED = "number of audits", "asked again"


@command("verify")
def verify(
    evidence: Annotated[
        Path,
        Parameter(
            help="The folder that `radiotracer audit` wrote, or its evidence.json; or a bundle of "
            "`radiotracer disclose`, which needs no key."
        ),
    ],
    other: Annotated[
        Path | None,
        Parameter(
            help="Other evidence of the same release: whether both can be true is checked, too."
        ),
    ] = None,
    /,
    *,
    key: Annotated[
        Path | None, Parameter(help="The secret key file; of a bundle, none is needed.")
    ] = None,
    marked: Annotated[
        Path | None,
        Parameter(help="The folder that `radiotracer mark` wrote; of a bundle, none is needed."),
    ] = None,
    suspect: Annotated[
        str | None,
        Parameter(
            help="Ask this model again instead of using the recorded answers; by default the one "
            "named in the evidence is opened only where the audit used its weights."
        ),
    ] = None,
    architecture: Architecture = None,
    factory: SuspectFactory = None,
    step: Step = None,
    outputs: GivenOutputs = None,
    headers_from: HeadersFrom = None,
    layout: Layout = None,
    scale: Scale = None,
    mean: Mean = None,
    std: Std = None,
    size: Size = None,
    classes_map: ClassesMap = None,
    held_out: UsedHeldOut = None,
    clean: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            help="A run or model of your own that never saw the release: under coins that nobody "
            "chose, the test says nothing of it; repeatable.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        Parameter(
            help="A copy of the log that the commitment names, from whoever holds it: all audits "
            "of the release are in it."
        ),
    ] = None,
    signed_by: SignedBy = None,
    tsa_certificate: TsaCertificate = None,
    json: Json = False,
) -> int:
    """Check the evidence of an audit: open the commitment, compute the test again.

    Uses the answers that the audit recorded, so that the model is not needed; with --suspect it is
    asked again. Where the audit used its weights, the file named in the evidence is opened, and has
    to have the same SHA-256. A bundle is checked by itself, and two pieces of evidence of one
    release are held against each other, without the key. Prints each thing that was checked with
    yes or no; exit status 0 only if everything holds. Where the folder is signed, the signature has
    to hold, too. The page is drawn again from the evidence and compared. One line says when the
    commitment was there, by the time stamps beside it, or that none are shown; another how many
    audits there were, by the log, or that this is the owner's word.

    Example: radiotracer verify audit --key my.key --marked marked

    Example: radiotracer verify bundle
    """
    from radiotracer.provenance.bundle import is_bundle
    from radiotracer.provenance.checked import Checked
    from radiotracer.provenance.contradictions import compared
    from radiotracer.provenance.evidence import Evidence
    from radiotracer.provenance.looks import looks_line
    from radiotracer.provenance.page import page_line
    from radiotracer.provenance.stamps import time_line
    from radiotracer.provenance.verify import verify as check
    from radiotracer.provenance.verify import verify_bundle

    network = (architecture, factory, step, outputs, headers_from)
    given = (*network, layout, scale, mean, std, size, classes_map)
    if suspect is None and any(each is not None for each in given):
        raise InputError(
            expected="suspect= beside the options of a suspect",
            came="these options alone",
            do="pass it, or leave them out",
        )
    bundled = is_bundle(evidence)
    _require_needed(bundled, other, key, marked)
    held = Evidence.read(evidence)
    folder = evidence if evidence.is_dir() else evidence.parent
    looks = looks_line(held, log)
    standing, roots = standing_of(folder, signed_by), believed_roots(tsa_certificate)

    def opened(release: Release) -> Suspect:
        return open_for(
            release,
            suspect or "",
            architecture=architecture,
            factory=factory,
            step=step,
            outputs=outputs,
            headers_from=headers_from,
            layout=layout,
            scale=scale,
            mean=mean,
            std=std,
            size=size,
            classes_map=classes_map,
        )

    again = None if suspect is None else opened
    checks = _of_signature(standing)
    said: dict[str, Told] = {}
    # Nothing that changed evidence names is opened.
    if all(each.holds for each in checks):
        if bundled:
            checks += verify_bundle(evidence, suspect=again, roots=roots, clean=clean or ())
        elif key is not None and marked is not None:
            checks += check(
                evidence,
                marked,
                read_key(key),
                suspect=again,
                held_out=held_out,
                roots=roots,
                clean=clean or (),
            )
        if other is not None:
            checks += compared(held, Evidence.read(other))
        if all(each.holds for each in checks):
            said[_PAGE] = page_line(folder, held)
        said[_LOOKS] = looks
        said[_TIME] = time_line(marked or folder, held.commitment, roots=roots)
        checks += tuple(
            Checked(what, each.holds, each.came)
            for what, each in said.items()
            if each.holds is not None
        )
    broken = [each for each in checks if not each.holds]
    if json:
        signer = None if standing is None else standing.signer
        found = [vars(each) for each in checks]
        also = {what: each.came for what, each in said.items()}
        emit({"holds": not broken, "signed_by": signer, **also, "checks": found})
    else:
        asked = suspect is not None or held.access == "weights"
        tell(checks, held, signed=standing is not None, asked=asked, said=said)
    if broken:
        raise InputError(
            expected=f"evidence that holds in {evidence}",
            came=f"{', '.join(each.what for each in broken)} that {_does(broken)} not",
            do="do not rely on it; audit again with `radiotracer audit`",
        )
    return 0


def tell(
    checks: tuple[Checked, ...],
    evidence: Evidence,
    *,
    signed: bool,
    asked: bool,
    said: Mapping[str, Told],
) -> None:
    """Print each thing that was checked with yes or no."""
    from radiotracer.provenance.wording import ten_to

    width = max(len(each.what) for each in checks)
    if not signed:
        out.print(f"{_SIGNATURE:<{width}}  -    none: nobody vouches for times and versions")
    for each in checks:
        out.print(f"{each.what:<{width}}  {'yes' if each.holds else 'NO '}  {each.came}")
    for what, line in said.items():
        if line.holds is None:
            out.print(f"{what:<{width}}  -    {line.came}")
    if said and not asked:
        out.print(f"{_ASKED:<{width}}  -    no: that it answered so is the auditor's word")
    if all(each.holds for each in checks):
        out.print()
        out.print(
            f"Everything holds: {evidence.verdict}, p at most {ten_to(evidence.log10_p_value)}, "
            f"{ten_to(evidence.adjusted_log10_p_value)} after Holm; what decides is "
            f"{ten_to(evidence.deciding_log10_p_value)}, coins by {evidence.drawing.strength}."
        )
        out.print(evidence.drawing.sentence)


def _require_needed(
    bundled: bool, other: Path | None, key: Path | None, marked: Path | None
) -> None:
    """A bundle needs nothing, an audit both; to compare two pieces of evidence neither."""
    if bundled and (key or marked):
        raise InputError(
            expected="no key= and no marked= beside a bundle: it opens by itself",
            came=str(key or marked),
            do="leave them out",
        )
    if not bundled and (key is None) != (marked is None):
        raise InputError(
            expected="key= and marked= together", came="one of them", do="pass the other, too"
        )
    if not bundled and key is None and other is None:
        raise InputError(
            expected="key= and marked= of the audit, or a bundle",
            came="neither",
            do="pass them, or ask for a bundle: radiotracer disclose",
        )


def _of_signature(standing: Standing | None) -> tuple[Checked, ...]:
    if standing is None:
        return ()
    from radiotracer.provenance.checked import Checked

    came = f"by {standing.signer}" if standing.holds else "; ".join(standing.broken)
    return (Checked(_SIGNATURE, standing.holds, came),)


def _does(broken: list[Checked]) -> str:
    return "do" if len(broken) > 1 else "does"
