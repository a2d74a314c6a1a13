"""What the identity of a network says of how it was made, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping

from radiotracer.errors import InputError
from radiotracer.provenance.models.protocol import Outputs


def architecture_of(identity: Mapping[str, str]) -> str | None:
    """The reference network of an identity, as `open_suspect` takes it; None: it says none.

    Raises:
        InputError: It was made by a function. Evidence is data: no code that it names is run.
    """
    text = identity.get("network", "")
    try:
        held = json.loads(text)
        pairs = [f"{name}={value}" for name, value in held["options"].items()]
        return ",".join([held["name"], *pairs])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if not text:
            return None
        raise InputError(
            expected="evidence about a reference network, to open the suspect again",
            came=f"one that {text[:100]!r} makes; code that evidence names is not run",
            do="pass the suspect (suspect=) and its factory=, if you trust them",
        ) from error


def usual_outputs(identity: Mapping[str, str]) -> Outputs:
    """What a network gives: probabilities where its identity says so."""
    return "probabilities" if identity.get("outputs") == "probabilities" else "logits"
