"""``radiotracer verify-signature``: is a folder what somebody signed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from radiotracer.cli.commands import command
from radiotracer.cli.console import emit, out
from radiotracer.cli.options import Json
from radiotracer.cli.signatures import SignedBy, required_standing
from radiotracer.errors import InputError


@command("verify-signature")
def verify_signature(
    folder: Annotated[Path, Parameter(help="The folder that `radiotracer sign` signed.")],
    /,
    *,
    signed_by: SignedBy = None,
    json: Json = False,
) -> int:
    """Check that a signed folder is as it was signed, and by whom.

    Needs no secret. With --signed-by only that key counts; without it anybody's does, and who
    changed the folder may have signed it anew. Exit status 0 only if the signature holds; otherwise
    one line says which files were changed, added or removed. What an audit's evidence claims is for
    `radiotracer verify` to compute.

    Example: radiotracer verify-signature scan
    """
    standing = required_standing(folder, signed_by)
    if json:
        emit(
            {
                "folder": str(folder),
                "holds": standing.holds,
                "broken": list(standing.broken),
                "public_key": standing.signer,
                "signer_was_given": signed_by is not None,
                "files": standing.files,
                "not_signed": list(standing.beside),
            }
        )
    if not standing.holds:
        raise InputError(
            expected=f"{folder} as it was signed",
            came="; ".join(standing.broken),
            do="do not rely on it; get it again from whoever signed it",
        )
    if not json:
        out.print(f"The signature holds: {standing.files:,} files as they were signed.")
        out.print(f"signed by {standing.signer}")
        if standing.beside:
            out.print(f"not signed: {', '.join(standing.beside)}, which a review wrote")
        if signed_by is None:
            out.print("Anybody can sign: compare this key, or pass --signed-by with the signer's.")
    return 0
