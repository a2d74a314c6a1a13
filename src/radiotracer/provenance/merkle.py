"""One digest for many: Merkle trees over SHA-256, as in RFC 6962 (and 9162), section 2.1.

A leaf is SHA-256(0x00 || entry), a node SHA-256(0x01 || left || right); the prefixes keep a node
from passing for a leaf. The left subtree of n entries holds the largest power of two below n. A
proof of inclusion shows one entry and log2(n) digests, and nothing of the others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from radiotracer.errors import DataError, InputError

_DIGEST = re.compile("[0-9a-f]{64}")


def merkle_root(digests: Iterable[str]) -> str:
    """The root of a tree whose entries are SHA-256 digests.

    Args:
        digests: 64 lower-case hexadecimal digits each; their order matters, and there may be none.

    Returns:
        64 hexadecimal digits.

    Raises:
        DataError: One of them is no digest.
    """
    return levels_of(digest_bytes(each) for each in digests)[-1][0].hex()


def inclusion_proof(digests: Sequence[str], index: int) -> tuple[str, ...]:
    """What shows that ``digests[index]`` is in the tree: siblings from the leaf to the root.

    Raises:
        DataError: One of them is no digest.
        InputError: There is no such entry.
    """
    if not 0 <= index < len(digests):
        raise InputError(
            expected=f"an index in [0, {len(digests)})", came=str(index), do="count from 0"
        )
    proof = []
    for level in levels_of(digest_bytes(each) for each in digests):
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling].hex())
        index //= 2
    return tuple(proof)


def is_included(digest: str, index: int, count: int, proof: Sequence[str], root: str) -> bool:
    """Whether a proof shows that `digest` is entry `index` of the `count` under `root`.

    Args:
        digest: The entry, 64 hexadecimal digits.
        index: Its place, in [0, count).
        count: Entries in the tree.
        proof: From `inclusion_proof`.
        root: From `merkle_root`.

    Raises:
        DataError: One of the digests is none.
    """
    node, rest = _leaf(digest_bytes(digest)), [digest_bytes(each) for each in proof]
    if not 0 <= index < count:
        return False
    last = count - 1
    while last:
        # The last node of a level with an odd count has no sibling and goes up as it is.
        if index ^ 1 <= last:
            if not rest:
                return False
            sibling = rest.pop(0)
            node = _node(sibling, node) if index % 2 else _node(node, sibling)
        index, last = index // 2, last // 2
    return not rest and node == digest_bytes(root)


def levels_of(entries: Iterable[bytes]) -> list[list[bytes]]:
    """All levels of the tree, the leaves first; the last one is the root alone."""
    levels = [[_leaf(each) for each in entries] or [hashlib.sha256().digest()]]
    while len(below := levels[-1]) > 1:
        level = [_node(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)]
        levels.append(level + below[len(below) // 2 * 2 :])
    return levels


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def digest_bytes(digest: str) -> bytes:
    """The 32 bytes of a digest; `DataError` unless it is 64 lower-case hexadecimal digits."""
    if not _DIGEST.fullmatch(digest):
        raise DataError(
            expected="a SHA-256 digest of 64 lower-case hexadecimal digits",
            came=digest[:80],
            do="compute the digest again",
        )
    return bytes.fromhex(digest)
