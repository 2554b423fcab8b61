"""Merkle trees: RFC 6962 vectors, all small sizes, forged paths."""

from hashlib import sha256

import pytest

from proto.limits import MAX_BATCH_LEAVES
from proto.merkle import inclusion_path, leaf_hash, merkle_root, node_hash, root_from_path

LEAVES = [
    bytes.fromhex(x)
    for x in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [  # of the first n leaves, n from 0
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("n", range(9))
def test_rfc_6962_roots(n: int) -> None:
    assert merkle_root([leaf_hash(x) for x in LEAVES[:n]]).hex() == ROOTS[n]


def test_leaves_and_nodes_are_told_apart() -> None:
    assert leaf_hash(b"") == sha256(b"\0").digest()
    assert node_hash(b"a" * 32, b"b" * 32) == sha256(b"\1" + b"a" * 32 + b"b" * 32).digest()
    assert leaf_hash(b"a" * 32 + b"b" * 32) != node_hash(b"a" * 32, b"b" * 32)


def recursive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1 as written: split at the largest power of two below n."""
    n = len(leaves)
    if n == 1:
        return leaves[0]
    k = 1
    while k * 2 < n:
        k *= 2
    return node_hash(recursive_root(leaves[:k]), recursive_root(leaves[k:]))


def recursive_path(leaves: list[bytes], m: int) -> list[bytes]:
    """RFC 6962 section 2.1.1 as written."""
    n = len(leaves)
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*recursive_path(leaves[:k], m), recursive_root(leaves[k:])]
    return [*recursive_path(leaves[k:], m - k), recursive_root(leaves[:k])]


def tree(n: int) -> list[bytes]:
    return [leaf_hash(b"leaf %d" % i) for i in range(n)]


@pytest.mark.parametrize("n", range(1, 70))
def test_all_small_trees_against_the_recursive_definition(n: int) -> None:
    leaves = tree(n)
    root = merkle_root(leaves)
    assert root == recursive_root(leaves)
    for i in range(n):
        path = inclusion_path(leaves, i)
        assert path == recursive_path(leaves, i)
        assert root_from_path(leaves[i], i, n, path) == root


@pytest.mark.parametrize("n", range(1, 70))
def test_forged_paths_of_all_small_trees_fail(n: int) -> None:
    leaves = tree(n)
    root = merkle_root(leaves)
    other = leaf_hash(b"another leaf")
    for i in range(n):
        path = inclusion_path(leaves, i)
        assert root_from_path(other, i, n, path) != root
        for j in range(n):
            if j != i:
                assert root_from_path(leaves[i], j, n, path) != root
        assert root_from_path(leaves[i], i, n, [*path, other]) is None
        if path:
            assert root_from_path(leaves[i], i, n, path[:-1]) != root
            assert root_from_path(leaves[i], i, n, path[1:]) != root
            assert root_from_path(leaves[i], i, n, [other, *path[1:]]) != root
            assert root_from_path(leaves[i], i, n, [*path[:-1], path[-1][:31]]) is None
            assert root_from_path(leaves[i], i, n, [*path[:-1], path[-1] + b"\0"]) is None


def test_an_inner_node_is_no_leaf() -> None:
    """A right subtree presented as a shorter tree must not verify."""
    leaves = tree(8)
    root = merkle_root(leaves)
    inner = node_hash(leaves[0], leaves[1])
    path = inclusion_path(leaves, 0)[1:]
    # The hash of the inner node leads to the root; that it is no leaf is what the prefix says.
    assert root_from_path(inner, 0, 4, path) == root
    assert root_from_path(leaf_hash(leaves[0] + leaves[1]), 0, 4, path) != root


@pytest.mark.parametrize(
    ("index", "size"),
    [(-1, 1), (1, 1), (0, 0), (0, -1), (2, 1), (0, MAX_BATCH_LEAVES + 1), (2**32, 2**33)],
)
def test_places_that_do_not_exist(index: int, size: int) -> None:
    assert root_from_path(leaf_hash(b""), index, size, []) is None
    assert root_from_path(leaf_hash(b""), index, size, [b"\0" * 32] * 16) is None


def test_the_largest_batch_needs_sixteen_hashes() -> None:
    leaf = leaf_hash(b"")
    assert root_from_path(leaf, 5, MAX_BATCH_LEAVES, [leaf] * 16) is not None
    assert root_from_path(leaf, 5, MAX_BATCH_LEAVES, [leaf] * 15) is None
    assert root_from_path(leaf, 5, MAX_BATCH_LEAVES, [leaf] * 17) is None
