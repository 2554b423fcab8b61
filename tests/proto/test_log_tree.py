"""Proofs about a log: against the RFC's own words, another implementation, and forgers."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, MerkleProof, verify_consistency

from proto.limits import MAX_LOG_SIZE
from proto.log_tree import EMPTY_ROOT, consistency_holds, inclusion_holds
from proto.merkle import node_hash
from tests.proto.log_reference import entry, mth, numbered, path, proof
from tests.proto.test_merkle import LEAVES, ROOTS, leaf_hash

MOST = 70
ALL = numbered(MOST)
EIGHT = tuple(leaf_hash(x) for x in LEAVES)


def test_rfc_6962_tree_of_eight() -> None:
    """The vectors of the reference implementation of Certificate Transparency."""
    root = bytes.fromhex(ROOTS[8])
    assert mth(EIGHT) == root
    siblings = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert inclusion_holds(EIGHT[5], 5, 8, [bytes.fromhex(s) for s in siblings], root)
    grown = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    six = bytes.fromhex(ROOTS[6])
    assert consistency_holds(6, six, 8, root, [bytes.fromhex(s) for s in grown])
    assert not consistency_holds(
        6, bytes.fromhex(ROOTS[5]), 8, root, list(map(bytes.fromhex, grown))
    )


@pytest.mark.parametrize("size", range(1, MOST))
def test_inclusion_in_every_small_tree(size: int) -> None:
    leaves = ALL[:size]
    root = mth(leaves)
    for index in range(size):
        siblings = path(index, leaves)
        for claimed in range(size + 1):
            held = inclusion_holds(leaves[index], claimed, size, siblings, root)
            assert held == (claimed == index)
        assert not inclusion_holds(leaves[index], index, size, [*siblings, root], root)
        assert not siblings or not inclusion_holds(leaves[index], index, size, siblings[:-1], root)


@pytest.mark.parametrize("size", range(1, MOST))
def test_consistency_of_every_small_tree(size: int) -> None:
    root = mth(ALL[:size])
    for old in range(1, size + 1):
        grown, before = proof(old, ALL[:size]), mth(ALL[:old])
        assert consistency_holds(old, before, size, root, grown)
        assert not consistency_holds(old, root if old < size else before[::-1], size, root, grown)
        assert not consistency_holds(old, before, size, root, [*grown, root])
        assert not grown or not consistency_holds(old, before, size, root, grown[:-1])
        for other in range(1, size + 1):
            # Two sizes may share a proof's shape; the root tells them apart.
            if other != old:
                assert not consistency_holds(other, before, size, root, grown)


def test_every_tree_begins_with_the_empty_one() -> None:
    assert sha256().digest() == EMPTY_ROOT
    assert consistency_holds(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert consistency_holds(0, EMPTY_ROOT, 5, mth(ALL[:5]), [])
    assert not consistency_holds(0, ALL[0], 5, mth(ALL[:5]), [])
    assert not consistency_holds(0, ALL[0], 0, ALL[0], [])
    assert not consistency_holds(0, EMPTY_ROOT, 5, mth(ALL[:5]), [ALL[1]])


def test_a_right_subtree_is_no_earlier_log() -> None:
    """Whatever node of the tree is shown as an earlier root, whatever size is claimed for it."""
    for size in range(2, 24):
        root = mth(ALL[:size])
        for start, end, up in nodes(0, size, ()):
            for claimed in range(1, size):
                held = consistency_holds(claimed, mth(ALL[start:end]), size, root, up)
                # Only a whole left subtree is at once a node and a beginning.
                assert held == (start == 0 and claimed == end), (size, start, end, claimed)


def nodes(start: int, end: int, above: tuple[bytes, ...]) -> list[tuple[int, int, list[bytes]]]:
    """Every inner node of the tree and its siblings from it upwards."""
    found = [(start, end, list(above))]
    if end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        left, right = mth(ALL[start:middle]), mth(ALL[middle:end])
        found += nodes(start, middle, (right, *above)) + nodes(middle, end, (left, *above))
    return found


def test_another_implementation_sees_the_same_trees() -> None:
    """Roots and inclusion paths are the same. Its consistency proofs have a form of their own."""
    tree = InmemoryTree(algorithm="sha256")
    for size in range(1, 40):
        tree.append_entry(entry(size - 1))
        root = tree.get_state(size)
        assert root == mth(ALL[:size])
        for index in range(size):
            theirs = tree.prove_inclusion(index + 1, size).path
            assert theirs[1:] == path(index, ALL[:size])
            assert inclusion_holds(theirs[0], index, size, theirs[1:], root)
        for old in range(1, size):
            before = mth(ALL[:old])
            verify_consistency(before, root, tree.prove_consistency(old, size))  # or raises
            assert consistency_holds(old, before, size, root, proof(old, ALL[:size]))


def test_the_other_implementation_believes_a_right_subtree() -> None:
    """Why the verifier is our own: there the proof itself says which hashes are the old log's."""
    left, right = mth(ALL[:4]), mth(ALL[4:8])
    root = node_hash(left, right)
    forged = MerkleProof("sha256", True, 8, [0, 0], [0, 1], [left, right])
    verify_consistency(right, root, forged)  # raises where it does not hold
    for claimed in range(1, 9):
        for sent in ([left], [right], [left, right], [right, left], []):
            assert not consistency_holds(claimed, right, 8, root, sent)


def test_sizes_are_bounded() -> None:
    deep = [ALL[1]] * 63
    root = ALL[0]
    for sibling in deep:
        root = node_hash(root, sibling)
    assert inclusion_holds(ALL[0], 0, MAX_LOG_SIZE, deep, root)
    assert not inclusion_holds(ALL[0], 0, MAX_LOG_SIZE + 1, deep, root)
    assert not inclusion_holds(ALL[0], -1, 5, [], root)
    assert not consistency_holds(5, root, 4, root, [])
    assert not consistency_holds(1, root, 2**64, root, deep)


HASHES = st.sampled_from([*ALL[:9], b"", b"short", mth(ALL[:4]), mth(ALL[4:8])])


@given(st.integers(-2, 2**65), st.integers(-2, 2**65), st.lists(HASHES, max_size=70), HASHES)
def test_garbage_never_raises_and_never_holds(
    first: int, second: int, sent: list[bytes], root: bytes
) -> None:
    wrong = b"\xff" * 32
    assert not inclusion_holds(root, first, second, sent, wrong)
    assert not consistency_holds(first, root, second, wrong, sent)
