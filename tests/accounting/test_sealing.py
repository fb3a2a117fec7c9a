"""Claims about the tree and the chain, against the definitions of RFC 6962."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.sealing import (
    FIRST,
    chain_head,
    inclusion_proof,
    inclusion_proofs,
    leaf_hash,
    merkle_root,
    root_of_proof,
)

digests = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    k = split(len(leaves))
    return sha256(b"\x01" + tree_hash(leaves[:k]) + tree_hash(leaves[k:]))


def audit_path(position: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if position < k:
        return [*audit_path(position, leaves[:k]), tree_hash(leaves[k:])]
    return [*audit_path(position - k, leaves[k:]), tree_hash(leaves[:k])]


@given(digests)
def test_root_and_paths_are_those_of_rfc_6962(leaves: list[bytes]):
    assert merkle_root(leaves) == tree_hash(leaves)
    expected = [audit_path(position, leaves) for position in range(len(leaves))]
    assert inclusion_proofs(leaves, range(len(leaves))) == expected


@given(digests, st.data())
def test_a_proof_reaches_the_root_from_its_leaf_and_from_no_other(leaves: list[bytes], data: st.DataObject):
    position = data.draw(st.integers(0, len(leaves) - 1))
    path, root, count = inclusion_proof(leaves, position), merkle_root(leaves), len(leaves)
    assert root_of_proof(leaves[position], position=position, count=count, path=path) == root
    other = bytes([leaves[position][0] ^ 1]) + leaves[position][1:]
    assert root_of_proof(other, position=position, count=count, path=path) != root
    for elsewhere in {(position + 1) % count, count - 1} - {position}:
        if leaves[elsewhere] != leaves[position]:
            assert root_of_proof(leaves[position], position=elsewhere, count=count, path=path) != root


@pytest.mark.parametrize("wrong", [[], [bytes(32)], [bytes(32)] * 4])
def test_a_path_of_another_length_reaches_nothing(wrong: list[bytes]):
    assert root_of_proof(bytes(32), position=1, count=5, path=wrong) is None


@pytest.mark.parametrize("position", [-1, 3])
def test_a_leaf_that_is_not_there_has_no_proof(position: int):
    with pytest.raises(IndexError):
        inclusion_proof([bytes(32)] * 3, position)
    assert root_of_proof(bytes(32), position=position, count=3, path=[bytes(32)] * 2) is None


def test_a_tree_without_leaves_has_no_root():
    with pytest.raises(ValueError, match="leaf"):
        merkle_root([])


def test_a_node_cannot_be_passed_off_as_a_leaf():
    left, right = bytes(32), b"\x01" * 32
    assert merkle_root([left, right]) != merkle_root([leaf_hash(left) + leaf_hash(right)])


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**40), st.integers(1, 2000))
def test_a_head_covers_all_that_it_says(root: bytes, number: int, count: int):
    head = chain_head(FIRST, number=number, count=count, root=root)
    assert head == sha256(bytes(32) + number.to_bytes(8, "big") + count.to_bytes(8, "big") + root)
    assert head != chain_head(FIRST, number=number + 1, count=count, root=root)
    assert head != chain_head(FIRST, number=number, count=count + 1, root=root)
    assert head != chain_head(head, number=number, count=count, root=root)
