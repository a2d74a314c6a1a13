"""What may be shown of a suspect's identity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

_SECRET = re.compile(r"(?<=//)[^/?#]*@|[?#].*", re.DOTALL)
"""Where an address has user names, passwords, keys and tokens."""


def shown(identity: Mapping[str, str]) -> dict[str, str]:
    """The identity without what an address may have of secrets.

    None is taken with such an address. Evidence may come from elsewhere, or from before that rule.
    """
    return {
        name: shown_address(value) if name == "url" else value for name, value in identity.items()
    }


def shown_address(url: str) -> str:
    """The address with ``...`` in place of user names, passwords, queries and fragments."""
    return _SECRET.sub(lambda found: "...@" if found[0].endswith("@") else f"{found[0][0]}...", url)


Identity = Annotated[dict[str, str], AfterValidator(shown)]
"""Of a suspect, in files: what is read is what may be shown."""
