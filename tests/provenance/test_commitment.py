"""Commitments: the same for ever, opened by the same parts only, silent about them."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from radiotracer.errors import DataError, InputError
from radiotracer.provenance import Key
from radiotracer.provenance.commitment import (
    Commitment,
    canonical_json,
    commit,
    require_same,
    what_differs,
)
from radiotracer.provenance.merkle import merkle_root

KEY = Key(bytes(range(32)))
PROTOCOL: dict[str, Any] = {"test": "signed ranks", "level": 0.01, "looks": [1, {"layer": "fc"}]}
EXTRACTOR = "ab" * 32
ROOTS = {"published": merkle_root(["11" * 32]), "sealed": merkle_root(["22" * 32])}
MADE = commit(KEY, PROTOCOL, EXTRACTOR, ROOTS)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_golden_value() -> None:
    """A published digest must open for ever: this never changes."""
    found = commit(Key(bytes(32)), {"a": 1}, "0" * 64, {"o": "1" * 64})
    assert found.digest == "c5778f1edda66821d54e989e0682ce7f011358fcc4eca74d3d0fa8935d989e04"


def test_what_it_is_made_of() -> None:
    assert list(MADE.parts) == ["key", "protocol", "extractor", "root/published", "root/sealed"]
    salt = KEY.derive("commitment/salt/protocol")
    content = b'{"level":0.01,"looks":[1,{"layer":"fc"}],"test":"signed ranks"}'
    assert MADE.parts["protocol"] == hashlib.sha256(salt + content).hexdigest()
    salt = KEY.derive("commitment/salt/root/sealed")
    content = bytes.fromhex(ROOTS["sealed"])
    assert MADE.parts["root/sealed"] == hashlib.sha256(salt + content).hexdigest()


def test_opens() -> None:
    require_same(MADE, commit(KEY, PROTOCOL, EXTRACTOR, ROOTS))
    # The order of names says nothing; a round trip through JSON changes nothing.
    backwards = dict(reversed(PROTOCOL.items()))
    read = Commitment.model_validate_json(MADE.model_dump_json())
    assert read == MADE
    require_same(read, commit(KEY, backwards, EXTRACTOR, dict(reversed(ROOTS.items()))))


@pytest.mark.parametrize(
    ("changed", "different"),
    [
        ({"key": Key(bytes(32))}, ("key",)),
        ({"key": Key(bytes(32)), "extractor_digest": "00" * 32}, ("key",)),
        ({"protocol": {**PROTOCOL, "level": 0.05}}, ("protocol",)),
        ({"protocol": {**PROTOCOL, "audits": [1.0, {"layer": "fc"}]}}, ("protocol",)),
        ({"protocol": {}}, ("protocol",)),
        ({"extractor_digest": "ac" * 32}, ("extractor",)),
        ({"roots": {**ROOTS, "sealed": ROOTS["published"]}}, ("root/sealed",)),
        ({"roots": {"sealed": ROOTS["sealed"]}}, ("root/published",)),
        ({"roots": {**ROOTS, "more": EXTRACTOR}}, ("root/more",)),
        (
            {"roots": {}, "protocol": {}},
            ("protocol", "root/published", "root/sealed"),
        ),
    ],
)
def test_what_differs(changed: dict[str, Any], different: tuple[str, ...]) -> None:
    given_now = {
        "key": KEY,
        "protocol": PROTOCOL,
        "extractor_digest": EXTRACTOR,
        "roots": ROOTS,
        **changed,
    }
    now = commit(**given_now)
    assert what_differs(MADE, now) == different
    with pytest.raises(InputError) as caught:
        require_same(MADE, now)
    assert str(caught.value) == (
        f"expected what commitment {MADE.digest[:8]} was made to; "
        f"got another {', another '.join(different)}; pass what was committed before the release"
    )
    assert now.digest != MADE.digest


def test_it_hides_its_parts() -> None:
    """Equal contents give unequal digests: under other keys, and under other names."""
    other = commit(Key(bytes(32)), PROTOCOL, EXTRACTOR, ROOTS)
    assert not set(other.parts.values()) & set(MADE.parts.values())
    twice = commit(KEY, PROTOCOL, EXTRACTOR, {"a": EXTRACTOR, "b": EXTRACTOR})
    assert len(set(twice.parts.values())) == len(twice.parts)
    for text in (KEY.secret.hex(), EXTRACTOR, *ROOTS.values()):
        assert text not in MADE.model_dump_json()


def test_a_commitment_that_was_edited() -> None:
    held = MADE.model_dump()
    for edit in (
        {"digest": "00" * 32},
        {"parts": {**MADE.parts, "protocol": "00" * 32}},
        {"parts": {"key": "short"}},
        {"schema_version": 2},
        {"more": 1},
    ):
        with pytest.raises(ValidationError):
            Commitment.model_validate({**held, **edit})
    with pytest.raises(ValidationError, match="frozen"):
        MADE.digest = "00" * 32  # type: ignore[misc]


@given(protocol=st.dictionaries(st.text(max_size=3), values, max_size=4), other=st.data())
def test_canonical_json(protocol: dict[str, Any], other: st.DataObject) -> None:
    text = canonical_json(protocol)
    assert text.isascii()
    shuffled = dict(other.draw(st.permutations(list(protocol.items()))))
    assert canonical_json(shuffled) == text


@pytest.mark.parametrize(
    "protocol",
    [
        {"level": math.nan},
        {"level": math.inf},
        {1: "one"},
        {"inner": {1: "one"}},
        {"shape": (1, 2)},
        {"thing": object()},
        {"bytes": b"x"},
    ],
)
def test_what_json_cannot_hold(protocol: dict[Any, Any]) -> None:
    with pytest.raises(DataError, match="got something that JSON cannot hold; convert it first"):
        commit(KEY, protocol, EXTRACTOR, ROOTS)


def test_no_digests() -> None:
    with pytest.raises(DataError, match="a SHA-256 digest"):
        commit(KEY, PROTOCOL, "AB" * 32, ROOTS)
    with pytest.raises(DataError, match="a SHA-256 digest"):
        commit(KEY, PROTOCOL, EXTRACTOR, {"sealed": "1"})
