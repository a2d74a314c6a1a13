"""What commands ask and say of a folder's signature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from radiotracer.signing import Standing

SignedBy = Annotated[
    str | None,
    Parameter(
        help="The public key that must have signed the folder, as the signer gave it to you: 64 "
        "hexadecimal digits."
    ),
]


def required_standing(folder: Path, signed_by: str | None) -> Standing:
    """Hold a folder against the signature that it must have.

    Args:
        folder: Which.
        signed_by: The public key that must have signed it; None: any.

    Raises:
        InputError: It has none, or see `signing.check`.
    """
    from radiotracer.signing import SIGNATURE_FILE, check

    standing = check(folder, signed_by=signed_by)
    if standing is None:
        raise InputError(
            expected=f"a signed folder {folder}",
            came=f"no {SIGNATURE_FILE} there",
            do="get one from whoever vouches for it: they make it with `radiotracer sign`",
        )
    return standing


def standing_of(folder: Path, signed_by: str | None) -> Standing | None:
    """The same where a signature is only needed if a signer is asked for; None: there is none."""
    from radiotracer.signing import check

    return check(folder) if signed_by is None else required_standing(folder, signed_by)
