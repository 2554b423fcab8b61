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


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root over leaf hashes; SHA-256 of nothing for no leaf."""
    if not leaves:
        return sha256().digest()
    level = list(leaves)
    # Pairing neighbours and carrying an odd one up gives exactly the RFC's left-full tree.
    while len(level) > 1:
        odd = [level[-1]] if len(level) % 2 else []
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)] + odd
    return level[0]


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Sibling hashes from the leaf upwards, RFC 6962 section 2.1.1."""
    assert 0 <= index < len(leaves)
    path: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        odd = [level[-1]] if len(level) % 2 else []
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)] + odd
        index >>= 1
    return path


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a path leads to, RFC 9162 section 2.1.3.2; None where its shape is wrong."""
    if not 0 <= index < size <= MAX_BATCH_LEAVES:
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
