"""What a stranger makes of a log's folder: files, keys and the RFC, nothing of the publisher."""

from collections.abc import Iterable
from pathlib import Path

from proto.checkpoint import Checkpoint, read_checkpoint
from proto.log_tree import EMPTY_ROOT
from proto.merkle import leaf_hash, merkle_root
from proto.note import Note, NoteKey
from proto.wire import WireFault
from registry.tlog import TILE_WIDTH, decode_entries, entries_path, new_tiles, tile_path


def read_log(folder: Path, keys: Iterable[NoteKey]) -> tuple[Checkpoint, Note, list[bytes]]:
    """The checkpoint and every leaf under it, from exactly the files that its size names."""
    data = (folder / "checkpoint").read_bytes()
    checkpoint, note = signed(data, keys)
    leaves: list[bytes] = []
    while len(leaves) < checkpoint.size:
        width = min(TILE_WIDTH, checkpoint.size - len(leaves))
        path = entries_path(len(leaves) // TILE_WIDTH, width)
        found = decode_entries((folder / path).read_bytes())
        assert found is not None and len(found) == width, path
        leaves += found
    hashes = [leaf_hash(leaf) for leaf in leaves]
    assert (merkle_root(hashes) if hashes else EMPTY_ROOT) == checkpoint.root
    for tile in new_tiles(0, checkpoint.size):
        row = hashes
        for _ in range(tile.level):
            whole = range(0, len(row) - TILE_WIDTH + 1, TILE_WIDTH)
            row = [merkle_root(row[at : at + TILE_WIDTH]) for at in whole]
        expected = b"".join(row[tile.index * TILE_WIDTH :][: tile.width])
        path = tile_path(tile.level, tile.index, tile.width)
        assert (folder / path).read_bytes() == expected, path
    return checkpoint, note, leaves


def signed(data: bytes, keys: Iterable[NoteKey]) -> tuple[Checkpoint, Note]:
    for key in keys:
        try:
            return read_checkpoint(data, key)
        except WireFault:
            continue
    raise AssertionError("no key of the log signed its checkpoint")
