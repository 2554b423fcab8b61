"""Tiles: their names, which ones a tree of a size has, and the proofs that come out of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.log_tree import EMPTY_ROOT, consistency_holds, inclusion_holds
from proto.merkle import merkle_root
from registry.tlog import (
    ENTRIES,
    TILE_WIDTH,
    Frontier,
    ReadTile,
    Tile,
    consistency_proof,
    decode_entries,
    encode_entries,
    entries_path,
    grow_tiles,
    inclusion_proof,
    new_entry_tiles,
    new_tiles,
    parse_tile_path,
    read_frontier,
    tile_path,
)
from tests.proto.log_reference import mth, numbered, path, proof

MOST = 70
ALL = numbered(66_000)


def tiles_of(size: int) -> ReadTile:
    """Tiles as the specification defines them: MTH over 256^l leaves each."""

    def read(level: int, index: int, width: int) -> bytes:
        row = list(ALL[:size])
        for _ in range(level):
            whole = len(row) // TILE_WIDTH * TILE_WIDTH
            row = [merkle_root(row[i : i + TILE_WIDTH]) for i in range(0, whole, TILE_WIDTH)]
        found = row[index * TILE_WIDTH :][:width]
        assert len(found) == width, "a tile that a tree of this size does not have"
        return b"".join(found)

    return read


@pytest.mark.parametrize("size", range(1, MOST))
def test_every_small_tree(size: int) -> None:
    leaves, read = ALL[:size], tiles_of(size)
    for index in range(size):
        assert inclusion_proof(index, size, read) == path(index, leaves)
    for old in range(1, size + 1):
        assert consistency_proof(old, size, read) == proof(old, leaves)
    assert consistency_proof(0, size, read) == []
    assert read_frontier(size, read).root() == mth(leaves)


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_793])
def test_trees_of_several_tiles(size: int) -> None:
    read = tiles_of(size)
    root = merkle_root(ALL[:size])
    assert read_frontier(size, read).root() == root
    for index in {0, 1, 254, size // 2, size - 257, size - 2, size - 1} & set(range(size)):
        siblings = inclusion_proof(index, size, read)
        assert inclusion_holds(ALL[index], index, size, siblings, root)
    for old in {1, 2, 255, size // 2, size - 256, size - 1, size} & set(range(1, size + 1)):
        grown = consistency_proof(old, size, read)
        assert consistency_holds(old, merkle_root(ALL[:old]), size, root, grown)


def test_a_frontier_grows_leaf_by_leaf() -> None:
    frontier = Frontier()
    assert frontier.root() == EMPTY_ROOT
    for size in range(1, 600):
        before = frontier.copy()
        frontier.append(ALL[size - 1])
        assert (frontier.size, before.size) == (size, size - 1)
        assert frontier.root() == merkle_root(ALL[:size])


def test_paths_of_the_specification() -> None:
    assert tile_path(0, 1_234_067, TILE_WIDTH) == "tile/0/x001/x234/067"
    assert tile_path(2, 0, 1) == "tile/2/000.p/1"
    assert entries_path(1_234, 5) == "tile/entries/x001/234.p/5"


@given(st.integers(ENTRIES, 63), st.integers(0, 2**55 - 1), st.integers(1, TILE_WIDTH))
def test_a_path_leads_back_to_its_tile(level: int, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    assert parse_tile_path(tile.path()) == tile


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/1",
        "tile/0/0001",
        "tile/0/001/",
        "/tile/0/001",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/xx01/002",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/05",
        "tile/0/001.p/",
        "tile/0/001.p",
        "tile/0/../checkpoint",
        "tile/entries",
        "tile/Entries/001",
        "tile/0/٠٠١",
        "tile/0/" + "x999/" * 9 + "999",
        "checkpoint",
    ],
)
def test_other_paths_lead_nowhere(text: str) -> None:
    assert parse_tile_path(text) is None


@given(st.text(alphabet="tile/entrisx0123456789.p-", max_size=40))
def test_any_path_is_a_tile_or_none(text: str) -> None:
    tile = parse_tile_path(text)
    assert tile is None or tile.path() == text


def test_the_tiles_of_the_specification() -> None:
    """Its example: a tree of 70,000 leaves."""
    tiles = list(new_tiles(0, 70_000))
    assert sum(t.level == 0 and t.width == TILE_WIDTH for t in tiles) == 273
    assert [t for t in tiles if t.width < TILE_WIDTH] == [
        Tile(0, 273, 112),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert Tile(1, 0, TILE_WIDTH) in tiles
    assert list(new_tiles(0, 256)) == [Tile(0, 0, 256), Tile(1, 0, 1)]
    assert list(new_entry_tiles(0, 257)) == [Tile(ENTRIES, 0, 256), Tile(ENTRIES, 1, 1)]


@pytest.mark.parametrize("old", [0, 1, 255, 256, 300, 65_535])
@pytest.mark.parametrize("grown", [0, 1, 2, 255, 256, 700])
def test_what_is_new_completes_what_was(old: int, grown: int) -> None:
    """Old and new tiles together are all that a tree of the new size needs, each once."""
    new = old + grown
    needed = set(new_tiles(0, new))
    fresh = list(new_tiles(old, new))
    assert len(set(fresh)) == len(fresh)
    assert set(fresh) == needed - set(new_tiles(0, old))
    assert set(new_entry_tiles(old, new)) == set(new_entry_tiles(0, new)) - set(
        new_entry_tiles(0, old)
    )


@given(st.lists(st.integers(0, 700), max_size=6))
def test_growing_in_steps_gives_the_tiles_of_the_whole(steps: list[int]) -> None:
    size, edges, written = 0, [], {}
    for step in steps:
        tiles, edges = grow_tiles(edges, size, ALL[size : size + step])
        assert [tile for tile, _ in tiles] == list(new_tiles(size, size + step))
        written.update(tiles)
        size += step
    read = tiles_of(size)
    for tile in new_tiles(0, size):
        assert written[tile] == read(tile.level, tile.index, tile.width)


@given(st.lists(st.binary(max_size=400), max_size=20))
def test_entries_come_back(leaves: list[bytes]) -> None:
    data = encode_entries(leaves)
    assert decode_entries(data) == leaves
    if data:
        assert decode_entries(data[:-1]) is None
        assert decode_entries(data + b"\0") is None
