"""``radiotracer verify``: check the evidence of an audit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out
from radiotracer.cli.key import read_key
from radiotracer.cli.options import Json, KeyFile, Marked
from radiotracer.cli.signatures import SignedBy, standing_of
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
    from radiotracer.provenance.evidence import Evidence
    from radiotracer.provenance.models import Suspect
    from radiotracer.provenance.release import Release
    from radiotracer.provenance.verify import Checked
    from radiotracer.signing import Standing

_SIGNATURE = "signature"


@command("verify")
def verify(
    evidence: Annotated[
        Path, Parameter(help="The folder that `radiotracer audit` wrote, or its evidence.json.")
    ],
    /,
    *,
    key: KeyFile,
    marked: Marked,
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
    held_out: Annotated[
        str | None,
        Parameter(help="The unmarked DATA of the audit, where they lie elsewhere now."),
    ] = None,
    signed_by: SignedBy = None,
    json: Json = False,
) -> int:
    """Check the evidence of an audit: open the commitment, compute the test again.

    Uses the answers that the audit recorded, so that the model is not needed; with --suspect it is
    asked again. Where the audit used its weights, the file named in the evidence is opened, and has
    to have the same SHA-256. Prints each thing that was checked with yes or no; exit status 0 only
    if everything holds. Where the folder is signed, the signature has to hold, too.

    Example: radiotracer verify audit --key my.key --marked marked
    """
    from radiotracer.provenance.evidence import Evidence
    from radiotracer.provenance.verify import verify as check

    network = (architecture, factory, step, outputs, headers_from)
    given = (*network, layout, scale, mean, std, size, classes_map)
    if suspect is None and any(each is not None for each in given):
        raise InputError(
            expected="suspect= beside the options of a suspect",
            came="these options alone",
            do="pass it, or leave them out",
        )
    held = Evidence.read(evidence)
    folder = evidence if evidence.is_dir() else evidence.parent
    standing = standing_of(folder, signed_by)
    secret = read_key(key)

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

    checks = _of_signature(standing)
    # Nothing that changed evidence names is opened.
    if all(each.holds for each in checks):
        again = None if suspect is None else opened
        checks += check(evidence, marked, secret, suspect=again, held_out=held_out)
    broken = [each for each in checks if not each.holds]
    if json:
        signer = None if standing is None else standing.signer
        found = [vars(each) for each in checks]
        emit({"holds": not broken, "signed_by": signer, "checks": found})
    else:
        tell(checks, held, signed=standing is not None)
    if broken:
        raise InputError(
            expected=f"evidence that holds in {evidence}",
            came=f"{', '.join(each.what for each in broken)} that {_does(broken)} not",
            do="do not rely on it; audit again with `radiotracer audit`",
        )
    return 0


def tell(checks: tuple[Checked, ...], evidence: Evidence, *, signed: bool) -> None:
    """Print each thing that was checked with yes or no."""
    from radiotracer.provenance.wording import ten_to

    width = max(len(each.what) for each in checks)
    if not signed:
        out.print(f"{_SIGNATURE:<{width}}  -    none: nobody vouches for times and versions")
    for each in checks:
        out.print(f"{each.what:<{width}}  {'yes' if each.holds else 'NO '}  {each.came}")
    if all(each.holds for each in checks):
        out.print()
        out.print(
            f"Everything holds: {evidence.verdict}, p at most {ten_to(evidence.log10_p_value)}, "
            f"{ten_to(evidence.adjusted_log10_p_value)} after Holm."
        )


def _of_signature(standing: Standing | None) -> tuple[Checked, ...]:
    if standing is None:
        return ()
    from radiotracer.provenance.verify import Checked

    came = f"by {standing.signer}" if standing.holds else "; ".join(standing.broken)
    return (Checked(_SIGNATURE, standing.holds, came),)


def _does(broken: list[Checked]) -> str:
    return "do" if len(broken) > 1 else "does"
