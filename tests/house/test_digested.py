"""Files that hold a digest of themselves: every edit that changes what they say is noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.digested import DIGEST, digested, require_digest, undigested

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text().filter(lambda name: name != DIGEST), VALUES, max_size=4)


@given(OBJECTS)
def test_what_is_written_is_read(value: dict[str, Any]) -> None:
    text = digested(value)
    assert require_digest(text.encode()) == value
    # How it is laid out is nothing that it says, and a digest that is there is made anew.
    whole = json.loads(text)
    assert require_digest(json.dumps(whole, indent=7).encode()) == value
    assert digested(whole | {DIGEST: "0" * 64}) == text


@given(OBJECTS, st.text().filter(lambda name: name != DIGEST), VALUES)
def test_an_edit_is_noticed(value: dict[str, Any], name: str, other: Any) -> None:
    whole = json.loads(digested(value))
    edited = whole | {name: other}
    changed = name not in value or json.dumps(value[name]) != json.dumps(other)
    assert undigested(json.dumps(edited).encode()) == (value | {name: other}, not changed)
    if name in value:
        del edited[name]
        assert not undigested(json.dumps(edited).encode())[1]


def test_names_that_are_numbers_are_texts() -> None:
    assert require_digest(digested({"by row": {10: 1, 9: 2}}).encode()) == {
        "by row": {"10": 1, "9": 2}
    }


@pytest.mark.parametrize("content", [b"", b"[1]", b"{}", b'{"a": 1}', b'{"a": 1, "digest": "x"}'])
def test_what_is_none(content: bytes) -> None:
    with pytest.raises(ValueError):
        require_digest(content)
