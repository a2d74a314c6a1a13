"""References that count: those that were committed to before the coins were drawn.

A reference that is written after the suspect was asked can be made so that what is left of an
innocent suspect's preferences falls as the coins did. So the test that decides uses the references
whose digest the commitment binds, and no other. A digest has to bind what a reference computes:
weights of a reference network, or an ONNX graph. A function of Python and a service have none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from radiotracer.errors import InputError
from radiotracer.provenance.commitment import canonical_json
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.models.network_identity import architecture_of
from radiotracer.provenance.models.query_log import same_wherever
from radiotracer.provenance.protocol import Protocol

_UNBOUND = frozenset({"python", "http"})


def reference_digest(identity: Mapping[str, str]) -> str | None:
    """SHA-256 of what a reference computes; None where its identity does not bind that.

    Args:
        identity: Of an opened reference.
    """
    if "sha256" not in identity or identity.get("kind") in _UNBOUND:
        return None
    try:
        architecture_of(identity)
    except InputError:  # a network that some code makes
        return None
    return hashlib.sha256(canonical_json(same_wherever(identity)).encode()).hexdigest()


def counts(identity: Mapping[str, str], protocol: Protocol) -> bool:
    """Whether a reference was committed to before the coins were drawn."""
    return reference_digest(identity) in protocol.references


def digests_of(references: Sequence[Suspect]) -> tuple[str, ...]:
    """What a protocol holds of references.

    Raises:
        InputError: One is not bound by what it computes.
    """
    found = []
    for each in references:
        digest = reference_digest(each.identity)
        if digest is None:
            raise InputError(
                expected="references that are bound by what they compute: a run or weights of a "
                "reference network, or an .onnx file",
                came=each.name,
                do="export it to ONNX",
            )
        found.append(digest)
    return tuple(found)
