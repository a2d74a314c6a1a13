"""Rounds of drand, the League of Entropy's beacon (https://docs.drand.love/docs/specification).

A round's signature is BLS over BLS12-381 (draft-irtf-cfrg-bls-signature-05, basic scheme; hash to
curve as in RFC 9380): e(signature, g) = e(H(message), public key), with the two groups in one
order or the other. The group's key is shared among the League's members; a round's signature is
the only one that there is for its message, so that nobody chooses it and nobody has it early who
is not most of them. The randomness is the signature's SHA-256.

A round in JSON does not name its chain. It is of the one whose key it holds under.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from radiotracer.errors import DataError, InputError
from radiotracer.provenance.drawn import Drawn

_DOMAIN = "BLS_SIG_BLS12381G{}_XMD:SHA-256_SSWU_RO_NUL_"
"""Domain separation of RFC 9380 by the group of the signatures. (A chain that has ended, fastnet,
used that of the second group for signatures in the first one; it is not known here.)"""


@dataclass(frozen=True)
class Chain:
    """What is public of a chain of rounds. Its hash, by which drand addresses it, binds the rest.

    Args:
        name: drand's, its "beacon id".
        public_key: Of the group, hexadecimal.
        signatures: In which group they are, 1 or 2; the public key is in the other.
        chained: Whether a round signs the signature before it.
        genesis: When round 1 is due, seconds since 1970.
        period: Seconds between rounds.
        group: Hash of the group's configuration at the beginning, hexadecimal.
    """

    name: str
    public_key: str
    signatures: int
    chained: bool
    genesis: int
    period: int
    group: str

    @property
    def hash(self) -> str:
        """SHA-256 over all of it as drand computes it: ``https://api.drand.sh/HASH/public/1``."""
        held = hashlib.sha256(
            self.period.to_bytes(4, "big")
            + self.genesis.to_bytes(8, "big")
            + bytes.fromhex(self.public_key)
            + bytes.fromhex(self.group)
        )
        if self.name != "default":
            held.update(self.name.encode())
        return held.hexdigest()

    def time_of(self, number: int) -> datetime:
        """When round `number`, from 1, is due, UTC; nobody has it before."""
        return datetime.fromtimestamp(self.genesis + (number - 1) * self.period, UTC)

    def first_after(self, time: datetime) -> int:
        """The number of the first round that is due after `time`, which has a time zone."""
        return max(1, math.floor((time.timestamp() - self.genesis) / self.period) + 2)


QUICKNET = Chain(
    name="quicknet",
    public_key="83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac"
    "6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e"
    "76eae8991ef5ece45a",
    signatures=1,
    chained=False,
    genesis=1692803367,
    period=3,
    group="f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
)
"""A round every three seconds since August 2023, scheme ``bls-unchained-g1-rfc9380``."""

DEFAULT = Chain(
    name="default",
    public_key="868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a569937c529eeda66c7293"
    "784a9402801af31",
    signatures=2,
    chained=True,
    genesis=1595431050,
    period=30,
    group="176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a",
)
"""The League's first: every thirty seconds since July 2020, scheme ``pedersen-bls-chained``."""

CHAINS = (QUICKNET, DEFAULT)

Bytes32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]
Point = Annotated[str, StringConstraints(pattern=r"^([0-9a-fA-F]{96}|[0-9a-fA-F]{192})$")]


class DrandRound(BaseModel):
    """A round as drand serves it in JSON.

    Args:
        number: From 1.
        signature: A compressed point of either group.
        previous_signature: Of a chain that is chained: the round's before, or its group's hash.
        randomness: The signature's SHA-256, where it is told.
    """

    model_config = ConfigDict(frozen=True)

    number: Annotated[int, Field(alias="round", ge=1, lt=2**63, strict=True)]
    signature: Point
    previous_signature: Point | Bytes32 | None = None
    randomness: Bytes32 | None = None

    def verified(self) -> Drawn:
        """What the round drew, once it has been held against the known chains. No network.

        Raises:
            DataError: It is of another chain, its signature is bad, or its randomness is not that
                of its signature.
            InputError: The library that computes pairings is missing.
        """
        signature = bytes.fromhex(self.signature)
        value = hashlib.sha256(signature).digest()
        if self.randomness is not None and bytes.fromhex(self.randomness) != value:
            raise _unlike(
                "the SHA-256 of its signature as its randomness", self.randomness[:16] + "..."
            )
        for chain in CHAINS:
            if _holds(chain, self._message(chain), signature):
                return Drawn(value, chain.time_of(self.number), f"drand {chain.name}")
        raise _unlike(
            f"a signature of round {self.number:,} by one of drand's chains "
            f"{', '.join(chain.name for chain in CHAINS)}",
            "one that holds under none of their keys: it is bad, or of another chain",
        )

    def _message(self, chain: Chain) -> bytes:
        """What a round of this chain signs: SHA-256 of the signature before it and the number."""
        before = bytes.fromhex(self.previous_signature or "") if chain.chained else b""
        return hashlib.sha256(before + self.number.to_bytes(8, "big")).digest()


def _holds(chain: Chain, message: bytes, signature: bytes) -> bool:
    """Whether the chain's key signed `message`: e(signature, g) e(-H(message), key) = 1."""
    curves = pairings()
    signing, other = (
        (curves.G1Point, curves.G2Point)
        if chain.signatures == 1
        else (curves.G2Point, curves.G1Point)
    )
    domain = _DOMAIN.format(chain.signatures).encode()
    try:
        # Its length, and that it is on the curve and in the group of prime order, are checked.
        signed = signing.from_compressed_bytes(signature)
    except ValueError:
        return False
    key = other.from_compressed_bytes(bytes.fromhex(chain.public_key))
    ours = [signed, -signing.hash_to_curve(message, domain)]
    theirs = [other(), key]  # without arguments: the generator
    first, second = (ours, theirs) if chain.signatures == 1 else (theirs, ours)
    return bool(curves.GT.pairing_check(first, second))


def pairings() -> Any:
    """The module py_arkworks_bls12381.

    Raises:
        InputError: It is not installed.
    """
    try:
        import py_arkworks_bls12381
    except ImportError as error:
        raise InputError(
            expected="the package py-arkworks-bls12381, which checks drand's signatures",
            came="none installed",
            do='pip install "radiotracer[stamps]"',
        ) from error
    return py_arkworks_bls12381


def _unlike(expected: str, came: str) -> DataError:
    return DataError(
        expected=expected,
        came=came,
        do="fetch the pulse again, and keep the file as it is served",
    )
