"""A log's tree straight from RFC 6962 section 2.1: recursive, slow, and nothing but the text."""

from functools import cache

from proto.merkle import leaf_hash, node_hash

Leaves = tuple[bytes, ...]  # leaf hashes


def numbered(count: int) -> Leaves:
    """Leaf hashes of a log with `count` entries that differ."""
    return tuple(leaf_hash(entry(i)) for i in range(count))


def entry(index: int) -> bytes:
    return b"entry %d" % index


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@cache
def mth(leaves: Leaves) -> bytes:
    """MTH(D[n]) over one or more leaves."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(mth(leaves[:k]), mth(leaves[k:]))


@cache
def path(m: int, leaves: Leaves) -> list[bytes]:
    """PATH(m, D[n]), section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: Leaves) -> list[bytes]:
    """PROOF(m, D[n]), section 2.1.2, for 0 < m <= n."""
    return subproof(m, leaves, True)


@cache
def subproof(m: int, leaves: Leaves, whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b)."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]
