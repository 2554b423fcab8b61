"""One shard's log as files (C2SP tlog-tiles), beside the database and not in it (registry 5.4).

Any static web server can serve them. Whatever is here can be made again from the database, except
the cosignatures: a damaged tile is no loss, but it has to be noticed.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proto.log_tree import HASH_BYTES
from registry.tlog import TILE_WIDTH, Tile, decode_entries, entries_path, tile_path
from runtime.schema import StoreUnusable

CHECKPOINT: Final = "checkpoint"
DRAFT: Final = ".new"


class LogDamaged(StoreUnusable):
    """Files that do not hold what they held: one line that names them and the next step."""


class TileFiles:
    """The folder of one shard. Writing belongs to one thread, reading to any."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unsynced: set[Path] = set()  # folders with names that are not durable yet

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """`width` hashes of a tile, out of a wider one where need be. LogDamaged."""
        for path in self._candidates(tile_path(level, index, TILE_WIDTH), width):
            data = _read(path)
            if data is not None and len(data) >= width * HASH_BYTES:
                return data[: width * HASH_BYTES]
        raise self._missing(tile_path(level, index, width))

    def read_entries(self, index: int, width: int) -> list[bytes]:
        """`width` leaves of an entry tile. LogDamaged."""
        for path in self._candidates(entries_path(index, TILE_WIDTH), width):
            data = _read(path)
            leaves = None if data is None else decode_entries(data)
            if leaves is not None and len(leaves) >= width:
                return leaves[:width]
        raise self._missing(entries_path(index, width))

    def _candidates(self, whole: str, width: int) -> Iterator[Path]:
        """Where the first `width` parts of a tile may stand: exactly, in the whole, in others."""
        full = self.folder / whole
        partial = full.with_name(full.name + ".p")
        if width < TILE_WIDTH:
            yield partial / str(width)
        yield full
        # A partial tile is taken away once the whole one is there; what is left is wider.
        others = sorted(int(p.name) for p in partial.glob("*") if p.name.isdecimal())
        yield from (partial / str(other) for other in others if other > width)

    def _missing(self, path: str) -> LogDamaged:
        place = self.folder / path
        return LogDamaged(
            f"{place}: missing or cut short; move {self.folder} away and start again:"
            " tiles are written anew from the database"
        )

    def write(self, tile: Tile, data: bytes) -> None:
        """Writes a tile once; durable after `sync`. LogDamaged where another one stands there."""
        path = self.folder / tile.path()
        there = _read(path)
        if there == data:
            return  # a run before this one came so far, and ended before its checkpoint
        if there is not None:
            raise LogDamaged(
                f"{path}: holds something else than the database; move {self.folder} away and"
                " start again, and keep it: it may be the only trace of what was there"
            )
        self._write(path, data)

    def write_checkpoint(self, note: bytes) -> None:
        """Replaces the checkpoint; durable when it returns."""
        self._write(self.folder / CHECKPOINT, note)
        self.sync()

    def read_checkpoint(self) -> bytes | None:
        return _read(self.folder / CHECKPOINT)

    def sync(self) -> None:
        """Makes the names of everything written so far durable."""
        for folder in sorted(self._unsynced):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._unsynced.clear()

    def drop_partials(self, tile: Tile) -> None:
        """Takes away the partial forms of a whole tile that is there (tlog-tiles allows it).

        Crash here: some are left. They are never in the way, and cost a few kilobytes.
        """
        assert tile.width == TILE_WIDTH, tile
        path = self.folder / tile.path()
        partial = path.with_name(path.name + ".p")
        if partial.is_dir():
            for old in partial.iterdir():
                old.unlink()
            partial.rmdir()

    def _write(self, path: Path, data: bytes) -> None:
        self._make_folder(path.parent)
        draft = path.with_name(path.name + DRAFT)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # Crash here: a draft is left, which the next attempt writes over. Nobody reads drafts.
        draft.replace(path)
        self._unsynced.add(path.parent)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        if folder != self.folder:
            self._make_folder(folder.parent)
        folder.mkdir(parents=True, exist_ok=True)
        self._unsynced.add(folder.parent)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
