"""Tiles of a log (C2SP tlog-tiles) and the proofs that are made from them. Pure.

A tile holds up to 256 hashes of one level of the tree; its level l holds the roots of 256^l leaves
each. `read_tile` gives the bytes of a tile of a given width, 32 a hash, wherever they are kept.
"""

from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Final

from proto.log_tree import EMPTY_ROOT, HASH_BYTES
from proto.merkle import merkle_root, node_hash

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256
ENTRIES: Final = -1  # in the place of a level: the leaves themselves
MAX_LEVEL: Final = 63
MAX_INDEX: Final = 2**63 >> TILE_HEIGHT
_LENGTH_BYTES: Final = 2  # before each entry, big-endian
MAX_ENTRY_BYTES: Final = (1 << 8 * _LENGTH_BYTES) - 1

ReadTile = Callable[[int, int, int], bytes]
"""(level, index, width) -> width * 32 bytes."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile's place: level (or ENTRIES), index within the level, how many hashes it holds."""

    level: int
    index: int
    width: int

    def path(self) -> str:
        """Below a log's prefix, as file name and as URL."""
        if self.level == ENTRIES:
            return entries_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)


def tile_path(level: int, index: int, width: int) -> str:
    """For example "tile/0/x001/234", or "tile/0/x001/234.p/5" for a tile of 5 hashes."""
    assert 0 <= level <= MAX_LEVEL, level
    return f"tile/{level}/{_index_path(index, width)}"


def entries_path(index: int, width: int) -> str:
    """For example "tile/entries/x001/234.p/5": the leaves below a tile of level 0."""
    return f"tile/entries/{_index_path(index, width)}"


def _index_path(index: int, width: int) -> str:
    assert 0 <= index < MAX_INDEX and 0 < width <= TILE_WIDTH, (index, width)
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    partial = f".p/{width}" if width < TILE_WIDTH else ""
    return "/".join(reversed(groups)) + partial


def parse_tile_path(path: str) -> Tile | None:
    """The tile of a path; None for anything that `path()` would not write."""
    parts = path.split("/")
    width = TILE_WIDTH
    if len(parts) > 3 and parts[-2].endswith(".p"):
        if not _is_digits(parts[-1]):
            return None
        width = int(parts[-1])
        parts = [*parts[:-2], parts[-2].removesuffix(".p")]
    level = ENTRIES if parts[1:2] == ["entries"] else _level(parts[1:2])
    groups = [group.removeprefix("x") for group in parts[2:]]
    digits = "".join(groups)
    if level is None or not _is_digits(digits) or not 0 < width <= TILE_WIDTH:
        return None
    tile = Tile(level, int(digits), width)
    if tile.index >= MAX_INDEX or tile.path() != path:
        return None
    return tile


def _level(parts: Sequence[str]) -> int | None:
    if not parts or not _is_digits(parts[0]) or int(parts[0]) > MAX_LEVEL:
        return None
    return int(parts[0])


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 20


def new_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """The tiles of hashes that a tree of `new_size` leaves has and one of `old_size` had not.

    Lowest level first: what a tile is computed from comes before it.
    """
    level = 0
    while (now := new_size >> TILE_HEIGHT * level) > 0:
        before = old_size >> TILE_HEIGHT * level
        if now > before:
            yield from _row(level, before, now)
        level += 1


def new_entry_tiles(old_size: int, new_size: int) -> Iterator[Tile]:
    """The same for the leaves."""
    if new_size > old_size:
        yield from _row(ENTRIES, old_size, new_size)


def _row(level: int, before: int, now: int) -> Iterator[Tile]:
    for index in range(before // TILE_WIDTH, -(-now // TILE_WIDTH)):
        yield Tile(level, index, min(TILE_WIDTH, now - index * TILE_WIDTH))


def grow_tiles(
    edges: Sequence[Sequence[bytes]], old_size: int, hashes: Sequence[bytes]
) -> tuple[list[tuple[Tile, bytes]], list[list[bytes]]]:
    """The tiles that change when leaf hashes are added, and the new edges.

    `edges`: for each level the hashes of its last, unfinished tile. Lowest level first: what a
    tile is computed from comes before it.
    """
    tiles: list[tuple[Tile, bytes]] = []
    after: list[list[bytes]] = []
    fresh: Sequence[bytes] = hashes
    level = 0
    while fresh:
        row = [*(edges[level] if level < len(edges) else ()), *fresh]
        first = (old_size >> TILE_HEIGHT * level) // TILE_WIDTH
        cut = [row[at : at + TILE_WIDTH] for at in range(0, len(row), TILE_WIDTH)]
        tiles += [(Tile(level, first + i, len(c)), b"".join(c)) for i, c in enumerate(cut)]
        fresh = [merkle_root(c) for c in cut if len(c) == TILE_WIDTH]
        after.append(row[len(fresh) * TILE_WIDTH :])
        level += 1
    return tiles, [*after, *(list(edge) for edge in edges[level:])]


def encode_entries(leaves: Sequence[bytes]) -> bytes:
    """An entry tile: each leaf behind its length, two bytes."""
    assert all(len(leaf) <= MAX_ENTRY_BYTES for leaf in leaves)
    return b"".join(len(leaf).to_bytes(_LENGTH_BYTES, "big") + leaf for leaf in leaves)


def decode_entries(data: bytes) -> list[bytes] | None:
    """The leaves of an entry tile; None where its lengths do not fit its bytes."""
    leaves = []
    at = 0
    while at < len(data):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or at > len(data):
            return None
        leaves.append(data[start:at])
    return leaves


def split_hashes(data: bytes) -> list[bytes]:
    """The hashes of a tile."""
    assert len(data) % HASH_BYTES == 0, len(data)
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


class Frontier:
    """A compact range: the roots of the whole subtrees that a tree consists of, largest first."""

    __slots__ = ("_roots", "size")

    def __init__(self, size: int = 0, roots: Sequence[bytes] = ()) -> None:
        assert len(roots) == size.bit_count(), (size, len(roots))
        self.size = size
        self._roots = list(roots)

    def append(self, leaf_hash: bytes) -> None:
        """Adds one leaf at the end, by its hash."""
        carried = leaf_hash
        size = self.size
        while size & 1:
            carried = node_hash(self._roots.pop(), carried)
            size >>= 1
        self._roots.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree, RFC 6962 section 2.1."""
        return fold(self._roots)

    def copy(self) -> "Frontier":
        """One that grows by itself."""
        return Frontier(self.size, self._roots)


def fold(roots: Sequence[bytes]) -> bytes:
    """The root over whole subtrees of falling size."""
    if not roots:
        return EMPTY_ROOT
    root = roots[-1]
    for left in reversed(roots[:-1]):
        root = node_hash(left, root)
    return root


Pyramid = list[list[bytes]]
"""The roots of the whole subtrees within one tile, by height: [0] its own hashes."""


class TreeReader:
    """Roots of parts of the tree of `size` leaves, read from its tiles, each tile once.

    `known`: tiles read before, of this log; whoever gives it bounds it. Tiles never change.
    """

    def __init__(
        self,
        size: int,
        read_tile: ReadTile,
        known: MutableMapping[tuple[int, int, int], Pyramid] | None = None,
    ) -> None:
        self.size = size
        self._read_tile = read_tile
        self._known = {} if known is None else known

    def whole(self, height: int, index: int) -> bytes:
        """The root of the leaves [index * 2^height, (index + 1) * 2^height)."""
        level, rest = divmod(height, TILE_HEIGHT)
        tile = (index << rest) // TILE_WIDTH
        return self._pyramid(level, tile)[rest][index - (tile * TILE_WIDTH >> rest)]

    def parts(self, start: int, end: int) -> list[bytes]:
        """Roots of the whole subtrees that [start, end) consists of, largest first.

        `start` is a multiple of every power of two up to end - start, as in the RFC's recursion.
        """
        roots = []
        for height in reversed(range((end - start).bit_length())):
            if (end - start) >> height & 1:
                roots.append(self.whole(height, start >> height))
                start += 1 << height
        return roots

    def root(self, start: int, end: int) -> bytes:
        """The root over [start, end), with the same condition."""
        return fold(self.parts(start, end))

    def _pyramid(self, level: int, index: int) -> Pyramid:
        row = self.size >> TILE_HEIGHT * level
        width = min(TILE_WIDTH, row - index * TILE_WIDTH)
        place = level, index, width
        found = self._known.get(place)
        if found is None:
            found = self._known[place] = _pyramid(self._read_tile(*place), width)
        return found


def _pyramid(data: bytes, width: int) -> Pyramid:
    assert len(data) == width * HASH_BYTES, (width, len(data))
    levels = [split_hashes(data)]
    while len(below := levels[-1]) > 1:
        # An odd one at the end is part of no whole subtree of this tile.
        pairs = zip(below[::2], below[1::2], strict=False)
        levels.append([node_hash(left, right) for left, right in pairs])
    return levels


def read_frontier(size: int, read_tile: ReadTile) -> Frontier:
    """The compact range of a tree whose tiles exist."""
    return Frontier(size, TreeReader(size, read_tile).parts(0, size))


def inclusion_proof(index: int, size: int, read_tile: ReadTile) -> list[bytes]:
    """Sibling hashes from the leaf upwards, RFC 6962 section 2.1.1. `index` < `size`."""
    return inclusion_path_of(TreeReader(size, read_tile), index)


def inclusion_path_of(tree: TreeReader, index: int) -> list[bytes]:
    """The same from a reader that may know some of the tiles already."""
    assert 0 <= index < tree.size, (index, tree.size)
    path = []
    start, end = 0, tree.size
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            path.append(tree.root(middle, end))
            end = middle
        else:
            path.append(tree.root(start, middle))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, read_tile: ReadTile) -> list[bytes]:
    """The proof that the tree of `new` leaves begins with that of `old`, RFC 6962 section 2.1.2."""
    assert 0 <= old <= new, (old, new)
    if old in (0, new):
        return []
    tree = TreeReader(new, read_tile)
    path = []
    start, end = 0, new
    while old < end:
        middle = _middle(start, end)
        if old <= middle:
            path.append(tree.root(middle, end))
            end = middle
        else:
            path.append(tree.root(start, middle))
            start = middle
    if start:
        # What is left of the old tree is no whole one: the verifier does not know its root.
        path.append(tree.root(start, end))
    return path[::-1]


def _middle(start: int, end: int) -> int:
    """Where the RFC splits: behind the largest power of two below the number of leaves."""
    return start + (1 << (end - start - 1).bit_length() - 1)
