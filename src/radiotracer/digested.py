"""JSON that holds a digest of itself, so that a bit that flipped or an edit by hand is noticed.

The digest is no secret: who edits a file on purpose writes another one. A signature says who
vouches; see `signing`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

DIGEST = "digest"
"""The name that it stands under: SHA-256 of all the rest in one form, hexadecimal."""


def digested(value: Mapping[str, Any]) -> str:
    """The text of a file.

    Args:
        value: What JSON can hold; a digest that is there already is replaced.
    """
    rest = {name: it for name, it in value.items() if name != DIGEST}
    return json.dumps({**rest, DIGEST: _digest_of(rest)}, indent=2) + "\n"


def undigested(content: bytes) -> tuple[dict[str, Any], bool]:
    """What a file says but for the digest, and whether the digest is that of it.

    Raises:
        ValueError: It is no object in JSON.
        RecursionError: It is too deep.
    """
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError("no object")
    claimed = value.pop(DIGEST, None)
    return value, claimed == _digest_of(value)


def require_digest(content: bytes) -> dict[str, Any]:
    """What a file says but for the digest, which has to be that of it.

    Raises:
        ValueError: It is no object in JSON, or its digest is another.
        RecursionError: It is too deep.
    """
    value, holds = undigested(content)
    if not holds:
        raise ValueError("a digest that is not that of the rest: it was edited or damaged")
    return value


def _digest_of(value: Mapping[str, Any]) -> str:
    # As it is read again: names that are numbers are texts then.
    read = json.loads(json.dumps(value))
    one_form = json.dumps(read, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(one_form.encode()).hexdigest()
