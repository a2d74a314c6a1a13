"""Code that computes what a suspect answers: what is bound of it, and what may be said of it.

Weights alone answer nothing. Where a function of somebody's makes the network around them, or is
the suspect itself, what is asked is that code, and code can answer from a list of what was
published. So its source is bound as far as it can be read, and the claim says whose code it was.
Whether the weights alone answer so, only code of somebody else's can show (`asked_again.py`).
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from radiotracer.files import sha256_file
from radiotracer.named import named_function

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.runs import ModelSpec

UNREADABLE = "unreadable"
"""In place of a digest where no source can be read."""

_KNOWN = frozenset(("torch", "radiotracer", *sys.stdlib_module_names))
"""Packages whose code is nobody's who is doubted here."""


def built_by(factory: str | None, spec: ModelSpec | None, network: nn.Module) -> dict[str, str]:
    """What an identity says of how a network was built: a reference network, or code.

    Args:
        factory: ``module:function`` that made it; None: it is the reference network `spec`.
        spec: Describes a reference network.
        network: What came.
    """
    if factory is None:
        return {"network": spec.model_dump_json() if spec else ""}
    classes = {kind for module in network.modules() for kind in type(module).__mro__}
    return {
        "network": factory,
        "source": source_digest([named_function(factory, "factory="), *classes]),
    }


def source_digest(things: Iterable[object]) -> str:
    """SHA-256 of the source files in which functions and classes were defined.

    Those of torch, of the standard library, and of this package are left out. What these files
    import, read or ask for is not covered.

    Args:
        things: Functions and classes.

    Returns:
        64 hexadecimal digits; `UNREADABLE` where there is no such file.
    """
    found = set()
    for thing in things:
        own = inspect.unwrap(thing) if callable(thing) else thing
        module = str(getattr(own, "__module__", ""))
        if module.partition(".")[0] in _KNOWN and module != "__main__":
            continue
        try:
            path = Path(inspect.getsourcefile(own) or "")  # type: ignore[arg-type]  # or TypeError
        except (TypeError, OSError):
            continue
        if path.is_file():
            found.add(f"{module} {sha256_file(path)}\n")
    if not found:
        return UNREADABLE
    return hashlib.sha256("".join(sorted(found)).encode()).hexdigest()


def source_of(identity: Mapping[str, str]) -> str | None:
    """The digest of the source of the code that answered; None: none did, only data."""
    if identity.get("kind") == "python":
        return identity.get("sha256", UNREADABLE)
    return identity.get("source")


def sentence_of(identity: Mapping[str, str]) -> str:
    """What a claim has to say of the code that answered; empty where data alone did.

    Args:
        identity: Of the suspect.
    """
    source = source_of(identity)
    if source is None:
        return ""
    written = "which cannot be read" if source == UNREADABLE else f"SHA-256 {source[:12]}"
    if identity.get("kind") == "python":
        what, about = f"the function {identity.get('function', '')[:60]}", "a model behind it"
    else:
        weights, builder = (identity.get(name, "?") for name in ("weights", "network"))
        what, about = f"weights {weights[:12]} in a network that {builder[:60]} builds", ""
    return (
        f"What was asked is {what}, code of the auditor's (source {written}). Code can answer from "
        f"a list of what was published: for {about or 'the weights alone'} nothing follows until "
        "code of somebody else's gives the same answers."
    )
