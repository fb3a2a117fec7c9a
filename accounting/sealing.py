"""Seals: a Merkle tree over the digests of entries, as RFC 6962 has it, and the chain of its roots. Pure.

`docs/auditing/verify_seals.py` says the same in a script that an auditor runs without Ledger.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

LEAF, NODE = b"\x00", b"\x01"
FIRST: Final = bytes(32)
"""The head before the first seal."""


def leaf_hash(digest: bytes) -> bytes:
    """The leaf of an entry's digest. Its prefix keeps it from being taken for a node."""
    return hashlib.sha256(LEAF + digest).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two others."""
    return hashlib.sha256(NODE + left + right).digest()


def merkle_root(digests: Sequence[bytes]) -> bytes:
    """The root of the tree over `digests` in their order. Raises ValueError when there are none."""
    return _levels(digests)[-1][0]


def inclusion_proof(digests: Sequence[bytes], position: int) -> list[bytes]:
    """What has to be hashed with leaf `position` to reach the root, from the leaf upwards. Raises IndexError."""
    return inclusion_proofs(digests, [position])[0]


def inclusion_proofs(digests: Sequence[bytes], positions: Sequence[int]) -> list[list[bytes]]:
    """The proofs of several leaves of one tree, which is built once. Raises IndexError and ValueError."""
    levels = _levels(digests)
    return [_proof(levels, position) for position in positions]


def root_of_proof(digest: bytes, *, position: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that leaf `position` of `count` reaches with `path`, or None for a path that no such tree has.

    The digest is sealed when this is the root of the seal.
    """
    if not 0 <= position < count:
        return None
    found, left = leaf_hash(digest), list(reversed(path))
    index, last = position, count - 1
    while last:
        if index % 2 or index < last:
            if not left:
                return None
            other = left.pop()
            found = node_hash(other, found) if index % 2 else node_hash(found, other)
        index, last = index // 2, last // 2
    return None if left else found


def chain_head(previous: bytes, *, number: int, count: int, root: bytes) -> bytes:
    """The head after seal `number` of `count` entries: it covers every seal before."""
    return hashlib.sha256(previous + number.to_bytes(8, "big") + count.to_bytes(8, "big") + root).digest()


def _levels(digests: Sequence[bytes]) -> list[list[bytes]]:
    """Every level of the tree, the leaves first. A node without a sibling goes up as it is."""
    if not digests:
        raise ValueError("A tree has at least one leaf.")
    levels = [[leaf_hash(digest) for digest in digests]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        levels.append(above + below[len(above) * 2 :])
    return levels


def _proof(levels: list[list[bytes]], position: int) -> list[bytes]:
    if not 0 <= position < len(levels[0]):
        raise IndexError("There is no such leaf.")
    path: list[bytes] = []
    for level in levels[:-1]:
        sibling = position ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        position //= 2
    return path
