"""Proofs about a log's Merkle tree of any size: a leaf is in it, one tree begins another.

RFC 6962 section 2.1 says what the trees are, RFC 9162 sections 2.1.3.2 and 2.1.4.2 how proofs are
verified. Sizes are bounded by MAX_LOG_SIZE, paths by MAX_LOG_PATH. Nothing here ever raises: a
proof comes from a stranger, and one that does not hold is answered with False.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from proto.limits import MAX_LOG_PATH, MAX_LOG_SIZE
from proto.merkle import node_hash, root_from_path

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256().digest()  # the root of a tree without leaves


def inclusion_holds(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the tree of `size` leaves with this root has leaf hash `leaf` (32 bytes) at `index`.

    `path`: sibling hashes from the leaf upwards.
    """
    if len(leaf) != HASH_BYTES or len(path) > MAX_LOG_PATH:
        return False
    return root_from_path(leaf, index, size, path, at_most=MAX_LOG_SIZE) == root


def consistency_holds(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the tree of `new_size` leaves begins with the whole tree of `old_size` leaves.

    Every tree begins with the empty one, and with itself; both need an empty path.
    """
    if not 0 <= old_size <= new_size <= MAX_LOG_SIZE or len(path) > MAX_LOG_PATH:
        return False
    if any(len(part) != HASH_BYTES for part in (old_root, new_root, *path)):
        return False
    if old_size == new_size:
        return not path and old_root == new_root and _may_be(old_size, old_root)
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT
    roots = _roots_of(old_size, old_root, new_size, path)
    return roots == (old_root, new_root)


def _may_be(size: int, root: bytes) -> bool:
    return size > 0 or root == EMPTY_ROOT


def _roots_of(
    old_size: int, old_root: bytes, new_size: int, path: Sequence[bytes]
) -> tuple[bytes, bytes] | None:
    """The two roots that a path leads to (RFC 9162 section 2.1.4.2); None where its shape is wrong.

    The bits of the old tree's last leaf alone say on which side each hash stands. A verifier that
    took them from the path would accept a right subtree for an earlier log.
    """
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    # A whole old tree is a node of the new one: then its root begins the path and is not sent.
    hashes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not hashes:
        return None
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return (old, new) if last == 0 else None
