"""Marking in one step where the network allows: prepared, stamped, drawn by a pulse, released.

What is done is not done again: the prepared folder lies beside OUT until OUT is there, with its
stamps and its pulse.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from radiotracer.cli.console import err
from radiotracer.cli.releasing import write_release
from radiotracer.errors import InputError
from radiotracer.files import storage_errors

if TYPE_CHECKING:
    from cryptography import x509

    from radiotracer.provenance.key import Key
    from radiotracer.provenance.release import Release


def beside(folder: Path) -> Path:
    """Where data are prepared that become the release in `folder`."""
    return folder.with_name(f"{folder.name}.prepared")


def require_one_step(coins: str | None, coins_from: str | None, stamp: Sequence[str]) -> None:
    """Raise `InputError` unless all that is needed for one step is there; before any work.

    Args:
        coins: Who draws the coins; None: not said.
        coins_from: The address of a relay; None: it is no single step.
        stamp: Addresses of time-stamp authorities.
    """
    if coins_from is None:
        if stamp:
            raise InputError(
                expected="stamp= with coins_from= alone",
                came=stamp[0],
                do="stamp what was made with `radiotracer stamp`",
            )
        return
    from radiotracer.provenance.drand import pairings
    from radiotracer.provenance.models.transport import client_library
    from radiotracer.provenance.relay import is_relay
    from radiotracer.provenance.rfc3161 import library
    from radiotracer.provenance.stamps import is_stamped_by

    if not is_relay(coins_from) or coins not in (None, "beacon"):
        raise InputError(
            expected="coins_from= the address of a relay, for coins by the beacon",
            came=coins_from if coins in (None, "beacon") else f"coins={coins}",
            do="without one prepare first (coins=), and draw with `radiotracer release`",
        )
    if not stamp:
        raise InputError(
            expected="stamp= beside coins_from=: the pulse that counts is the first after a stamp",
            came="none",
            do="pass the address of a time-stamp authority, such as https://freetsa.org/tsr",
        )
    for address in stamp:
        is_stamped_by(Path(), address)
    client_library(), library(), pairings()


def stamp_and_release(
    prepared: Path,
    folder: Path,
    key: Key,
    *,
    coins_from: str,
    stamp: Sequence[str],
    extractor: Sequence[Path],
    factory: str | None,
    roots: Sequence[x509.Certificate] | None,
    overwrite: bool,
) -> Release:
    """Have what was prepared stamped, draw its coins by the next pulse, and write the release.

    Args:
        prepared: The folder that was prepared; removed at the end.
        folder: The folder to make.
        key: The secret of both.
        coins_from: The address of a relay.
        stamp: Addresses of time-stamp authorities; those that have stamped it are not asked again.
        extractor: See `write_release`.
        factory: See `write_release`.
        roots: See `write_release`.
        overwrite: See `write_release`.

    Raises:
        InputError: Somebody does not answer, or not as they should; the prepared folder stays.
        StorageError: The disk refused.
    """
    from radiotracer.provenance.bound import read_commitment
    from radiotracer.provenance.prepared import MADE_BY
    from radiotracer.provenance.stamps import add_authority_stamp, is_stamped_by

    digest = read_commitment(prepared, MADE_BY).digest
    try:
        for address in stamp:
            if not is_stamped_by(prepared, address):
                made = add_authority_stamp(prepared, digest, address, roots)
                err.print(f"commitment {digest[:12]} stamped: {made.called}")
        release = write_release(
            prepared,
            folder,
            key,
            coins_from=coins_from,
            extractor=extractor,
            factory=factory,
            roots=roots,
            overwrite=overwrite,
        )
    except BaseException:
        err.print(
            f"prepared in {prepared}, and not released: the same command goes on there, and so "
            f"does `radiotracer release {prepared}`"
        )
        raise
    with storage_errors(prepared):
        shutil.rmtree(prepared)
    return release
