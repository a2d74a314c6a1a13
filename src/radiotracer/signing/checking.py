"""Whether a folder is still what was signed, and by whom."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radiotracer.errors import InputError
from radiotracer.signing.folder import digests
from radiotracer.signing.signature import NOT_SIGNED, REVIEWED, Signature

_NAMED = 3
"""How many files a reason names."""

_LONGEST_NAME = 100


@dataclass(frozen=True)
class Standing:
    """What is to be said of a folder's signature.

    Args:
        signer: The public key in it, 64 hexadecimal digits: whoever signed last.
        files: How many files it is over.
        broken: Why it does not hold, one reason each; empty where it holds.
        beside: What a review wrote there, which no signature is over; names.
    """

    signer: str
    files: int
    broken: tuple[str, ...]
    beside: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the folder is what was signed, by the key that was asked for if one was."""
        return not self.broken


def check(folder: Path, *, signed_by: str | None = None) -> Standing | None:
    """Hold a folder against its signature. Nothing is written.

    Args:
        folder: With its ``signature.json``.
        signed_by: The public key that it has to be, 64 hexadecimal digits, known from elsewhere;
            None: any. Whoever changes a folder can sign it anew with a key of their own.

    Returns:
        None where there is no signature.

    Raises:
        InputError: What is there is no signature; `signed_by` is no public key; or the folder
            holds a link or the like.
        StorageError: Something may not be read.
    """
    wanted = None if signed_by is None else public_key_of(signed_by)
    signature = Signature.read(folder)
    if signature is None:
        return None
    broken = []
    if wanted not in (None, signature.public_key):
        broken.append(f"a signature by {signature.public_key}, another key than was asked for")
    if signature.is_of_its_files:
        broken += differences(signature.files, digests(folder, but=NOT_SIGNED))
    else:
        broken.append("a list of files, or a signature of it, that was changed")
    beside = tuple(name for name in REVIEWED if os.path.lexists(folder / name))
    return Standing(signature.public_key, len(signature.files), tuple(broken), beside)


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What happened to files, from their digests: one reason for each way, none where nothing did.

    Args:
        then: SHA-256 by relative path, as it was.
        now: As it is.
    """
    happened = {
        "changed": [name for name in then if name in now and now[name] != then[name]],
        "added": [name for name in now if name not in then],
        "removed": [name for name in then if name not in now],
    }
    return [
        f"{_some(sorted(names))} {'was' if len(names) == 1 else 'were'} {what}"
        for what, names in happened.items()
        if names
    ]


def public_key_of(text: str) -> str:
    """A public key as people pass it on, in one form.

    Raises:
        InputError: It is none. The text is not shown: it may be a secret that went astray.
    """
    found = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise InputError(
            expected="a public key of 64 hexadecimal digits",
            came=f"{len(text):,} characters that are none",
            do="pass what `radiotracer key show` says of the signing key",
        )
    return found


def _some(names: list[str]) -> str:
    shown = ", ".join(name[:_LONGEST_NAME] for name in names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more:,} more" if more > 0 else shown
