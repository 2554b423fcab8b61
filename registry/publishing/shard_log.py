"""One shard's tree on disk: grows by leaves, and says nothing that was not looked at twice.

The root that is signed comes from a compact range over the leaves as they were read. Before it is
signed, a proof made from the tiles as they stand on the disk must show the same root, by the
verifier that everybody else uses. So a wrong tile, a wrong sum or a wrong leaf stops us before a
signature makes it a split view of our own.
"""

from collections.abc import Sequence
from typing import Final

from proto.checkpoint import Checkpoint
from proto.limits import MAX_LOG_SIZE
from proto.log_tree import EMPTY_ROOT, consistency_holds, inclusion_holds
from proto.merkle import leaf_hash
from registry.publishing.tile_files import LogDamaged, TileFiles
from registry.tlog import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Frontier,
    Tile,
    TreeReader,
    consistency_proof,
    encode_entries,
    grow_tiles,
    inclusion_proof,
    new_entry_tiles,
    split_hashes,
)

STEP_LEAVES: Final = 16_384  # read, written and checked at a time: some megabytes


class ShardLog:
    """The tree of one origin. Owned by the publisher's thread; LogDamaged from any method."""

    def __init__(self, origin: str, files: TileFiles, size: int) -> None:
        """Takes up a tree of `size` leaves whose tiles are there; 0 begins anew."""
        assert 0 <= size <= MAX_LOG_SIZE, size
        self.origin = origin
        self.files = files
        tree = TreeReader(size, files.read_tile)
        self._frontier = Frontier(size, tree.parts(0, size))
        self._edges = _edges(size, files)
        edge = size % TILE_WIDTH
        self._outgrown: list[Tile] = []
        self._entries = files.read_entries(size // TILE_WIDTH, edge) if edge else []
        hashes = [leaf_hash(leaf) for leaf in self._entries]
        if hashes != (self._edges[0] if self._edges else []):
            raise LogDamaged(f"{files.folder}: the last entries are not those of the last tile")

    @property
    def size(self) -> int:
        return self._frontier.size

    def checkpoint(self) -> Checkpoint:
        """What may be signed: every tile of it is durable and was checked."""
        return Checkpoint(self.origin, self.size, self._frontier.root())

    def root_at(self, size: int) -> bytes:
        """The root that this tree had at an earlier size, from its tiles."""
        assert 0 <= size <= self.size, (size, self.size)
        if size == 0:
            return EMPTY_ROOT
        return TreeReader(self.size, self.files.read_tile).root(0, size)

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Adds leaves, at most STEP_LEAVES, by their bytes. OSError: nothing was added.

        Crash anywhere in here: some tiles are written that no checkpoint needs yet. The next run
        starts from the last checkpoint, makes the same tiles from the same leaves and finds them.
        """
        if not leaves:
            return
        assert len(leaves) <= STEP_LEAVES, len(leaves)
        old, new = self.checkpoint(), self.size + len(leaves)
        hashes = [leaf_hash(leaf) for leaf in leaves]
        grown = self._frontier.copy()
        for one in hashes:
            grown.append(one)
        tiles, edges = grow_tiles(self._edges, old.size, hashes)
        entries = [*self._entries, *leaves]
        first = old.size // TILE_WIDTH
        entry_tiles = list(new_entry_tiles(old.size, new))
        for tile in entry_tiles:
            at = (tile.index - first) * TILE_WIDTH
            self.files.write(tile, encode_entries(entries[at : at + tile.width]))
        for tile, data in tiles:
            self.files.write(tile, data)
        self.files.sync()
        self._require_same(old, Checkpoint(self.origin, new, grown.root()), entry_tiles)
        whole = (t for t in (*entry_tiles, *(t for t, _ in tiles)) if t.width == TILE_WIDTH)
        self._outgrown.extend(whole)
        self._frontier, self._edges = grown, edges
        self._entries = entries[(new // TILE_WIDTH - first) * TILE_WIDTH :]

    def drop_outgrown(self) -> None:
        """Takes away partial tiles whose whole ones are there, and under a published checkpoint.

        Not before: a stranger with the checkpoint of before has to find its tiles.
        """
        while self._outgrown:
            self.files.drop_partials(self._outgrown.pop())

    def _require_same(self, old: Checkpoint, new: Checkpoint, entry_tiles: list[Tile]) -> None:
        """The second way to the same root: files, proofs and their verifier. LogDamaged."""
        for tile in entry_tiles:
            leaves = self.files.read_entries(tile.index, tile.width)
            hashes = split_hashes(self.files.read_tile(0, tile.index, tile.width))
            if [leaf_hash(leaf) for leaf in leaves] != hashes:
                raise LogDamaged(f"{self.files.folder}/{tile.path()}: not what was written")
        read = self.files.read_tile
        grown = consistency_proof(old.size, new.size, read)
        path = inclusion_proof(new.size - 1, new.size, read)
        last = split_hashes(read(0, (new.size - 1) // TILE_WIDTH, (new.size - 1) % TILE_WIDTH + 1))
        if not consistency_holds(old.size, old.root, new.size, new.root, grown) or not (
            inclusion_holds(last[-1], new.size - 1, new.size, path, new.root)
        ):
            raise LogDamaged(f"{self.files.folder}: tiles and leaves give two roots; not signed")


def _edges(size: int, files: TileFiles) -> list[list[bytes]]:
    edges = []
    level = 0
    while row := size >> TILE_HEIGHT * level:
        edge = row % TILE_WIDTH
        data = files.read_tile(level, row // TILE_WIDTH, edge) if edge else b""
        edges.append(split_hashes(data))
        level += 1
    return edges
