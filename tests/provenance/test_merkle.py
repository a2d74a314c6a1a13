"""Merkle trees: the published test tree, the recursive definition, proofs and forgeries."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.errors import DataError, InputError
from radiotracer.provenance.merkle import inclusion_proof, is_included, levels_of, merkle_root

digests = st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), max_size=40)

ENTRIES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("count", ROOTS)
def test_the_test_tree_of_certificate_transparency(count: int) -> None:
    entries = [bytes.fromhex(each) for each in ENTRIES[:count]]
    assert levels_of(entries)[-1][0].hex() == ROOTS[count]


def recursive(entries: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = 1
    while 2 * k < len(entries):
        k *= 2
    return hashlib.sha256(b"\x01" + recursive(entries[:k]) + recursive(entries[k:])).digest()


@given(entries=digests)
def test_the_recursive_definition(entries: list[str]) -> None:
    assert merkle_root(entries) == recursive([bytes.fromhex(each) for each in entries]).hex()


@given(entries=digests.filter(bool), data=st.data())
def test_proofs_and_forgeries(entries: list[str], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    root, proof = merkle_root(entries), inclusion_proof(entries, index)
    count, entry = len(entries), entries[index]
    assert len(proof) <= (count - 1).bit_length()
    assert is_included(entry, index, count, proof, root)
    other = hashlib.sha256(bytes.fromhex(entry)).hexdigest()
    assert not is_included(other, index, count, proof, root)
    assert not is_included(entry, index, count, proof, other)
    assert not is_included(entry, index, count, (*proof, other), root)
    assert not is_included(entry, count, count, proof, root)
    assert not is_included(entry, -1, count, proof, root)
    if proof:
        assert not is_included(entry, index, count, proof[:-1], root)
        assert not is_included(entry, index, count, (other, *proof[1:]), root)
    for place in range(count):
        assert is_included(entry, place, count, proof, root) == (
            place == index or (entries[place] == entry and inclusion_proof(entries, place) == proof)
        )


def test_order_counts() -> None:
    one, two = "11" * 32, "22" * 32
    assert merkle_root([one, two]) != merkle_root([two, one])


def test_a_node_is_no_leaf() -> None:
    one, two = bytes.fromhex("11" * 32), bytes.fromhex("22" * 32)
    assert levels_of([one, two])[-1] != levels_of([one + two])[-1]
    # An odd entry is not doubled: two lists with one root would both be "committed to".
    assert levels_of([one, two, one])[-1] != levels_of([one, two, one, one])[-1]


@pytest.mark.parametrize("digest", ["", "11" * 31, "11" * 33, "GG" * 32, "AA" * 32, " " + "1" * 63])
def test_no_digests(digest: str) -> None:
    with pytest.raises(DataError, match="a SHA-256 digest of 64 lower-case hexadecimal digits"):
        merkle_root([digest])
    with pytest.raises(DataError, match="a SHA-256 digest"):
        is_included("11" * 32, 0, 1, (), digest)


def test_no_such_entry() -> None:
    with pytest.raises(InputError, match=r"an index in \[0, 1\); got 1"):
        inclusion_proof(["11" * 32], 1)
