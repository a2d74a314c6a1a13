"""Coins: what chance decides in a release, drawn when everything else is fixed.

Each is named. Its *nonce* is derived from the key, and bound by the commitment before the release;
then R comes into being, 32 bytes that the owner could not choose, and what is drawn follows from
SHA-256(nonce || R). Before R nobody can know it, the owner neither; after R nobody can change it;
without the nonce nobody can tell it, and one nonce opens one coin.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import DataError
from radiotracer.provenance.key import Key
from radiotracer.provenance.source import Source

CONTROL = "control"
"""The coin that control keys follow from; every release has it."""

TWIN = "twin/published"
"""The label of the coins that choose one of two."""


class Nonces(Protocol):
    """Where nonces come from."""

    def of(self, names: Iterable[str]) -> list[bytes]:
        """32 bytes for each name.

        Raises:
            DataError: One is not to be had.
        """


@dataclass(frozen=True)
class KeyNonces:
    """The nonces of a key: HMAC-SHA256 of the name, under bytes derived for nonces alone."""

    key: Key

    def of(self, names: Iterable[str]) -> list[bytes]:
        """32 bytes for each name, always the same."""
        return self.key.each("nonce", names)


@dataclass(frozen=True, repr=False)
class OpenedNonces:
    """Some nonces, laid open: who has them needs no key."""

    known: Mapping[str, bytes]

    def of(self, names: Iterable[str]) -> list[bytes]:
        """32 bytes for each name.

        Raises:
            DataError: One of them was not opened.
        """
        try:
            return [self.known[name] for name in names]
        except KeyError as error:
            raise DataError(
                expected="the nonces of all coins that the test uses",
                came=f"none of {error.args[0]}",
                do="ask for a bundle of this audit, whole",
            ) from error


@dataclass(frozen=True, repr=False)
class Coins(Source):
    """What is drawn in one release.

    Args:
        nonces: Those of its key, or those that were opened.
        value: R, 32 bytes.
    """

    nonces: Nonces
    value: bytes

    def __repr__(self) -> str:
        """R alone: the nonces are secret."""
        return f"Coins({self.value.hex()[:12]})"

    def derive(self, label: str, length: int = 32) -> bytes:
        """The beginning of SHA-256(nonce || R); longer ones by HKDF of it. See `Source.derive`."""
        (drawn,) = self._drawn([label])
        return drawn[:length] if 1 <= length <= len(drawn) else Key(drawn).derive("long", length)

    def each(self, label: str, names: Iterable[str]) -> list[bytes]:
        """SHA-256(nonce || R) of each ``label/name``; see `Source.each`."""
        return self._drawn(f"{label}/{name}" for name in names)

    def _drawn(self, names: Iterable[str]) -> list[bytes]:
        return [hashlib.sha256(nonce + self.value).digest() for nonce in self.nonces.of(names)]


def nonce_digests(nonces: Nonces, names: Iterable[str]) -> list[str]:
    """What a commitment binds of each nonce: SHA-256(nonce || name), 64 hexadecimal digits."""
    names = list(names)
    return [
        hashlib.sha256(nonce + name.encode()).hexdigest()
        for nonce, name in zip(nonces.of(names), names, strict=True)
    ]


def coin_names(ids: Iterable[str]) -> tuple[str, ...]:
    """The names of the coins that `published_twins` tosses for these ids.

    Raises:
        DataError: An id comes twice.
    """
    ids = list(ids)
    _require_different(ids)
    return tuple(f"{TWIN}/{each}" for each in ids)


def published_twins(source: Source, ids: Iterable[str]) -> NDArray[np.int64]:
    """The twin to publish of every example: 0 or 1, each with probability 1/2, independently.

    An example's coin hangs on the source and on its id alone: not on the order of the examples, on
    which others there are, or on anything in them. That makes the sign-flip test exact.

    Args:
        source: The coins of a release, or a control key.
        ids: n different texts.

    Returns:
        Shape (n,), signed integers, so that ``2 * twins - 1`` is a sign. The sealed twin is the
        other one.

    Raises:
        DataError: An id comes twice: its coins would be one coin.
    """
    ids = list(ids)
    _require_different(ids)
    return source.coins(TWIN, ids).astype(np.int64)


def _require_different(ids: list[str]) -> None:
    twice = [each for each, count in Counter(ids).items() if count > 1]
    if twice:
        raise DataError(
            expected="a different id for every example",
            came=f"{twice[0]} more than once",
            do="leave out repeated examples",
        )
