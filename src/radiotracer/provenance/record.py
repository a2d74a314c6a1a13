"""The record of a release: what was committed to, by what R the coins fell, what was published.

    OUT/release.json            the record, and again beside what is published

It is the second of two records. The first, the commitment, was made before R was known.
"""

from __future__ import annotations

import hashlib
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from radiotracer.provenance.commitment import Digest, canonical_json
from radiotracer.provenance.randomness import Randomness

RECORD_FILE = "release.json"


class Record(BaseModel):
    """What is made public with the release.

    Args:
        commitment: The digest of its commitment.
        randomness: What the coins were drawn by.
        published: Merkle root over all published examples; see `bound.examples_root`.
        digest: SHA-256 of all that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    commitment: Digest
    randomness: Randomness
    published: Digest
    digest: Digest

    @classmethod
    def of(cls, commitment: Digest, randomness: Randomness, published: Digest) -> Self:
        """The record of these."""
        parts = {"commitment": commitment, "randomness": randomness, "published": published}
        return cls(**parts, digest=_digest(commitment, randomness, published))  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _digest_fits(self) -> Self:
        if self.digest != _digest(self.commitment, self.randomness, self.published):
            raise ValueError("the digest is not that of the record")
        return self


def _digest(commitment: str, randomness: Randomness, published: str) -> str:
    told = {
        "commitment": commitment,
        "randomness": randomness.model_dump(mode="json"),
        "published": published,
    }
    return hashlib.sha256(canonical_json(told).encode()).hexdigest()
