"""Coins: SHA-256(nonce || R), by name; nobody knows one before R, and one nonce opens one coin."""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from marked_world import FALSE_FAILURE, KEY, by_tags, by_twins, examples
from radiotracer.errors import DataError
from radiotracer.provenance import Key
from radiotracer.provenance.coins import (
    CONTROL,
    Coins,
    KeyNonces,
    OpenedNonces,
    coin_names,
    nonce_digests,
    published_twins,
)
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs._tags.patterns import tag_labels
from radiotracer.provenance.designs._twins.views import VIEWS

R = bytes(range(100, 132))


@given(st.text(min_size=1, max_size=20), st.binary(min_size=32, max_size=32))
def test_a_coin_by_hand(name: str, value: bytes) -> None:
    name = name.encode("utf-8", "replace").decode()
    coins = Coins(KeyNonces(KEY), value)
    nonce = hmac.digest(KEY.derive("nonce"), f"twin/published/{name}".encode(), "sha256")
    drawn = hashlib.sha256(nonce + value).digest()
    assert coins.each("twin/published", [name]) == [drawn]
    assert published_twins(coins, [name]).tolist() == [drawn[0] >> 7]
    assert nonce_digests(KeyNonces(KEY), coin_names([name])) == [
        hashlib.sha256(nonce + f"twin/published/{name}".encode()).hexdigest()
    ]


def test_another_value_draws_anew_and_no_coin_tells_of_another() -> None:
    """Fair and independent over values of R, for one key: fails once in a million runs."""
    ids = [str(each) for each in range(200)]
    tossed = np.stack(
        [
            published_twins(Coins(KeyNonces(KEY), np.random.default_rng(i).bytes(32)), ids)
            for i in range(200)
        ]
    )
    pairs = [tossed, tossed[1:] ^ tossed[:-1], tossed[:, 1:] ^ tossed[:, :-1]]
    for each in pairs:
        tail = binom.logcdf(min(each.sum(), each.size - each.sum()), each.size, 0.5) / np.log(10)
        assert tail > FALSE_FAILURE - np.log10(3)


def test_short_and_long_draws_begin_alike() -> None:
    coins = Coins(KeyNonces(KEY), R)
    assert coins.derive("x", 6) == coins.derive("x")[:6] and len(coins.derive("x", 100)) == 100
    assert coins.derive("x") != coins.derive("y") != Key(R).derive("y")


def test_who_has_the_nonces_needs_no_key() -> None:
    release = by_twins(count=8)
    coins = release.coins(KEY)
    names = release.laid.coins
    assert names == (*coin_names(release.ids.tolist()), VIEWS, CONTROL)
    opened = Coins(OpenedNonces(dict(zip(names, coins.nonces.of(names), strict=True))), coins.value)
    ids = release.ids.tolist()
    np.testing.assert_array_equal(published_twins(opened, ids), published_twins(coins, ids))
    assert control_keys(opened, 3) == control_keys(coins, 3)
    with pytest.raises(DataError, match=r"the nonces of all coins .* got none of twin/published/x"):
        published_twins(opened, ["x"])


def test_labels_are_drawn_after_the_patterns() -> None:
    """The same key, another R: the same tags with other labels."""
    release = by_tags(tags=12)
    coins = release.coins(KEY)
    other = Coins(coins.nonces, R)
    assert (tag_labels(coins, 12, 4) != tag_labels(other, 12, 4)).any()
    named = [f"tag/label/4/{tag}" for tag in range(12)]
    assert release.laid.coins == (*named, CONTROL)
    np.testing.assert_array_equal(
        tag_labels(coins, 12, 4),
        [int.from_bytes(coins.derive(each)) % 4 for each in named],
    )


def test_it_shows_no_nonce() -> None:
    coins = Coins(KeyNonces(KEY), R)
    assert repr(coins) == f"Coins({R.hex()[:12]})" and "bb" not in repr(OpenedNonces({"a": b"bb"}))


def test_the_same_twins_whatever_is_drawn() -> None:
    """Or a coin could be told from what was laid down before it."""
    one, other = by_twins(KEY), by_twins(Key(bytes(32)))
    np.testing.assert_array_equal(one.laid.arrays["twins"], other.laid.arrays["twins"])
    assert (one.planted.content != other.planted.content).any()
    assert examples().digest == one.protocol.source_digest
