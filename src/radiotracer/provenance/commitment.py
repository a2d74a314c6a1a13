"""A commitment before the coins are drawn: what was fixed can be shown later, and not be changed.

Each part (key, protocol, extractor, every Merkle root) is hidden and bound by a SHA-256 of its own
salt and its content; the digest over all of them is what gets a public time stamp. Salts are
derived from the key, so the key alone opens everything, and one salt opens one part.

Who makes a thousand commitments can later show the luckiest one. Publish the digest with the data:
only the commitment that came with them counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from radiotracer.errors import DataError, InputError
from radiotracer.provenance.key import Key
from radiotracer.provenance.merkle import digest_bytes

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256, as 64 lower-case hexadecimal digits."""

_PROTOCOL: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


class Commitment(BaseModel):
    """What is made public before the release; it tells nothing of its parts.

    Args:
        parts: The salted SHA-256 of each part, by name: ``key``, ``protocol``, ``extractor`` and
            ``root/NAME`` for every Merkle root.
        digest: SHA-256 over all parts: the one thing to have witnessed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    parts: dict[str, Digest]
    digest: Digest

    @model_validator(mode="after")
    def _digest_fits(self) -> Self:
        if self.digest != _digest(self.parts):
            raise ValueError("the digest is not that of the parts")
        return self


def commit(
    key: Key, protocol: Mapping[str, Any], extractor_digest: str, roots: Mapping[str, str]
) -> Commitment:
    """Commit to a key and to everything that an audit by it will depend on.

    Args:
        key: The secret.
        protocol: How the audit will be made: the test, its layer, its level.
            Anything that JSON can hold.
        extractor_digest: SHA-256 of the marking network's weights.
        roots: Merkle roots by name, e.g. ``originals``, ``published``, ``sealed``.

    Returns:
        The same commitment for the same arguments, always.

    Raises:
        DataError: The protocol holds what JSON cannot, or a digest is none.
    """
    contents = {
        "key": key.derive("commitment/key"),
        "protocol": content_of(protocol),
        "extractor": digest_bytes(extractor_digest),
        **{f"root/{name}": digest_bytes(root) for name, root in roots.items()},
    }
    parts = {name: salted(salt_of(key, name), it) for name, it in contents.items()}
    return Commitment(parts=parts, digest=_digest(parts))


def salt_of(key: Key, part: str) -> bytes:
    """The salt of one part: who has it can check that part, and no other."""
    return key.derive(f"commitment/salt/{part}")


def salted(salt: bytes, content: bytes) -> str:
    """What a commitment says of a part, 64 hexadecimal digits."""
    return hashlib.sha256(salt + content).hexdigest()


def content_of(protocol: Mapping[str, Any]) -> bytes:
    """The part ``protocol``.

    Raises:
        DataError: It holds what JSON cannot.
    """
    return canonical_json(protocol).encode()


def what_differs(then: Commitment, now: Commitment) -> tuple[str, ...]:
    """Names of the parts that are not what was committed to, sorted; none if it opens.

    With another key nothing else can be compared: then the answer is ``("key",)``.

    Args:
        then: The commitment.
        now: The same made anew, of what there is now.
    """
    if then.parts.get("key") != now.parts.get("key"):
        return ("key",)
    names = then.parts.keys() | now.parts.keys()
    return tuple(sorted(n for n in names if then.parts.get(n) != now.parts.get(n)))


def require_same(then: Commitment, now: Commitment) -> None:
    """Raise unless what there is now is what was committed to.

    Raises:
        InputError: It is not; the text names the parts that differ.
    """
    different = what_differs(then, now)
    if different:
        raise InputError(
            expected=f"what commitment {then.digest[:8]} was made to",
            came=f"another {', another '.join(different)}",
            do="pass what was committed before the release",
        )


def canonical_json(value: Mapping[str, Any]) -> str:
    """JSON in one form only: names sorted, no spaces, ASCII, shortest floats that read back equal.

    Raises:
        DataError: It holds what JSON cannot: NaN, infinity, names that are no text, other objects.
    """
    try:
        checked = _PROTOCOL.validate_python(dict(value))
        return json.dumps(checked, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValidationError, ValueError):
        raise DataError(
            expected="text, finite numbers, booleans, null, lists and objects named by text",
            came="something that JSON cannot hold",
            do="convert it first, for example arrays to lists",
        ) from None


def _digest(parts: Mapping[str, str]) -> str:
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()
