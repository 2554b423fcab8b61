"""Merkle trees of RFC 6962 shape: signed batches and salted terms (protocol section 2)."""

from collections.abc import Sequence
from hashlib import sha256

from proto.limits import MAX_BATCH_LEAVES


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data), RFC 6962 section 2.1."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return sha256(b"\1" + left + right).digest()


def tree_levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """All levels of the tree over leaf hashes, leaves first, root last. At least one leaf.

    Pairing neighbours and carrying an odd one up gives exactly the RFC's left-full tree.
    """
    levels = [leaves]
    while len(level := levels[-1]) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [node_hash(left, right) for left, right in pairs]
        if len(level) % 2:
            above.append(level[-1])
        levels.append(above)
    return levels


def _path(levels: list[Sequence[bytes]], index: int) -> list[bytes]:
    path = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return path


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes; SHA-256 of nothing for no leaf."""
    return tree_levels(leaves)[-1][0] if leaves else sha256().digest()


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Sibling hashes from the leaf upwards, RFC 6962 section 2.1.1."""
    assert 0 <= index < len(leaves)
    return _path(tree_levels(leaves), index)


def root_and_paths(leaves: Sequence[bytes]) -> tuple[bytes, list[list[bytes]]]:
    """The root and every leaf's path; each node is hashed once. At least one leaf."""
    levels = tree_levels(leaves)
    paths: list[list[bytes]] = [[] for _ in leaves]
    for height, level in enumerate(levels[:-1]):
        for i, path in enumerate(paths):
            sibling = (i >> height) ^ 1
            if sibling < len(level):
                path.append(level[sibling])
    return levels[-1][0], paths


def root_from_path(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], at_most: int = MAX_BATCH_LEAVES
) -> bytes | None:
    """The root that a path leads to, RFC 9162 section 2.1.3.2; None where its shape is wrong.

    `at_most`: the largest tree, in leaves, that is looked at.
    """
    if not 0 <= index < size <= at_most:
        return None
    node, last, result = index, size - 1, leaf
    for sibling in path:
        if len(sibling) != 32 or last == 0:
            return None
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    return result if last == 0 else None
