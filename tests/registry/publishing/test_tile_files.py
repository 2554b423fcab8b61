"""A log's files: written once, found again, and never written over with something else."""

from pathlib import Path

import pytest

from node.command.sim.cast import digest
from registry.publishing.tile_files import LogDamaged, TileFiles
from registry.tlog import ENTRIES, TILE_WIDTH, Tile, encode_entries

HASHES = [digest(f"hash {i}") for i in range(TILE_WIDTH)]


def tile_of(width: int, level: int = 0) -> tuple[Tile, bytes]:
    return Tile(level, 7, width), b"".join(HASHES[:width])


@pytest.fixture
def files(tmp_path: Path) -> TileFiles:
    return TileFiles(tmp_path / "2026")


def test_a_partial_tile_is_served_by_any_wider_one(files: TileFiles) -> None:
    files.write(*tile_of(5))
    assert files.read_tile(0, 7, 5) == tile_of(5)[1]
    with pytest.raises(LogDamaged, match=r"008\.p/3"):
        files.read_tile(0, 8, 3)
    assert files.read_tile(0, 7, 3) == tile_of(3)[1]
    with pytest.raises(LogDamaged):
        files.read_tile(0, 7, 6)
    files.write(*tile_of(TILE_WIDTH))
    files.drop_partials(tile_of(TILE_WIDTH)[0])
    assert not (files.folder / "tile/0/007.p").exists()
    assert files.read_tile(0, 7, 5) == tile_of(5)[1]
    assert files.read_tile(0, 7, TILE_WIDTH) == tile_of(TILE_WIDTH)[1]


def test_entries_too(files: TileFiles) -> None:
    leaves = [b"leaf %d" % i for i in range(9)]
    files.write(Tile(ENTRIES, 0, 9), encode_entries(leaves))
    assert files.read_entries(0, 9) == leaves
    assert files.read_entries(0, 2) == leaves[:2]
    with pytest.raises(LogDamaged):
        files.read_entries(0, 10)


def test_what_was_published_is_not_written_over(files: TileFiles) -> None:
    files.write(*tile_of(5))
    files.write(*tile_of(5))  # after a crash the same is made again
    with pytest.raises(LogDamaged, match="something else than the database"):
        files.write(tile_of(5)[0], b"\0" * 5 * 32)
    assert files.read_tile(0, 7, 5) == tile_of(5)[1]


def test_a_file_cut_short_is_noticed(files: TileFiles) -> None:
    files.write(*tile_of(5))
    place = files.folder / tile_of(5)[0].path()
    place.write_bytes(place.read_bytes()[:-1])
    with pytest.raises(LogDamaged, match=r"007\.p/5: missing or cut short"):
        files.read_tile(0, 7, 5)


def test_drafts_of_a_crash_are_in_nobodys_way(files: TileFiles) -> None:
    tile, data = tile_of(5)
    place = files.folder / tile.path()
    place.parent.mkdir(parents=True)
    place.with_name("5.new").write_bytes(b"half")
    with pytest.raises(LogDamaged):
        files.read_tile(0, 7, 4)
    files.write(tile, data)
    assert files.read_tile(0, 7, 4) == data[:128]
    assert [p.name for p in place.parent.iterdir()] == ["5"]


def test_a_checkpoint_is_replaced_whole(files: TileFiles) -> None:
    assert files.read_checkpoint() is None
    for note in (b"first", b"second"):
        files.write_checkpoint(note)
        assert files.read_checkpoint() == note
    assert [p.name for p in files.folder.iterdir()] == ["checkpoint"]
