"""Where an auditor reads a registry from: its archive over HTTP, or a directory with its files.

Nothing that comes from here is believed: whoever reads compares it with signed checkpoints.
"""

import http.client
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from proto.descriptor import transaction_uuid
from proto.fraud.file import MAX_LEAF_BYTES
from proto.limits import (
    MAX_NOTE_BYTES,
    MAX_RECORD_BYTES,
    MAX_STATEMENT_BYTES,
    MAX_TLOG_PROOF_BYTES,
)
from proto.log_tree import HASH_BYTES
from registry.publishing.tile_files import LogDamaged, TileFiles
from registry.tlog import ENTRIES, TILE_WIDTH, Tile, decode_entries, entries_path, tile_path

TIMEOUT_S: Final = 20.0
MAX_ANSWER_BYTES: Final = MAX_STATEMENT_BYTES + MAX_TLOG_PROOF_BYTES + 4096  # and signatures
MAX_ENTRIES_BYTES: Final = TILE_WIDTH * (MAX_LEAF_BYTES + 2)
HISTORY: Final = "checkpoints"  # of a mirror: every checkpoint that it has seen, by size
KEPT_YEARS: Final = 10  # registry 10: retention


class SourceFault(Exception):
    """Something is not there, or not what it should be; one line that names it."""


class Source(Protocol):
    """A registry's record and logs."""

    @property
    def name(self) -> str: ...

    def record(self) -> bytes:
        """SignedRegistryRecord bytes. SourceFault."""
        ...

    def shards(self, this_year: int, last_year: int) -> list[int]:
        """The shards that have a checkpoint. SourceFault."""
        ...

    def checkpoint(self, shard: int) -> bytes | None:
        """The newest note of a shard. SourceFault."""
        ...

    def history(self, shard: int) -> list[bytes]:
        """Older notes, where they were kept."""
        ...

    def entries(self, shard: int, index: int, width: int) -> list[bytes]:
        """The leaves of an entry tile. SourceFault."""
        ...

    def tile(self, shard: int, level: int, index: int, width: int) -> bytes:
        """The hashes of a tile. SourceFault."""
        ...

    def statement(self, commit_id: bytes) -> bytes | None:
        """The SignedStatement that it answers with, where it answers. SourceFault."""
        ...


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """The directory of a registry, or of a mirror."""

    folder: Path

    @property
    def name(self) -> str:
        return str(self.folder)

    def record(self) -> bytes:
        path = self.folder / "registry.record"
        try:
            return path.read_bytes()
        except OSError as error:
            raise SourceFault(f"{path}: cannot be read: {error.strerror}") from error

    def shards(self, this_year: int, last_year: int) -> list[int]:
        try:
            names = [p.name for p in (self.folder / "log").iterdir() if p.is_dir()]
        except OSError as error:
            raise SourceFault(f"{self.folder / 'log'}: {error.strerror}") from error
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal())

    def checkpoint(self, shard: int) -> bytes | None:
        return self._files(shard).read_checkpoint()

    def history(self, shard: int) -> list[bytes]:
        return [p.read_bytes() for p in sorted((self.folder / HISTORY / str(shard)).glob("*.note"))]

    def entries(self, shard: int, index: int, width: int) -> list[bytes]:
        try:
            return self._files(shard).read_entries(index, width)
        except LogDamaged as fault:
            raise SourceFault(str(fault).partition(";")[0]) from fault

    def tile(self, shard: int, level: int, index: int, width: int) -> bytes:
        try:
            return self._files(shard).read_tile(level, index, width)
        except LogDamaged as fault:
            raise SourceFault(str(fault).partition(";")[0]) from fault

    def statement(self, commit_id: bytes) -> bytes | None:
        return None

    def _files(self, shard: int) -> TileFiles:
        return TileFiles(self.folder / "log" / str(shard))


@dataclass(frozen=True, slots=True)
class HttpSource:
    """`base`: the URL of a registry's archive, or of any web server with a mirror's files."""

    base: str

    @property
    def name(self) -> str:
        return self.base

    def record(self) -> bytes:
        for path in ("registry", "registry.record"):  # a registry; the files of a mirror
            data = self._get(path, MAX_RECORD_BYTES)
            if data is not None:
                return data
        raise SourceFault(f"{self.base}: shows no registry record")

    def shards(self, this_year: int, last_year: int) -> list[int]:
        years = [0, *range(this_year - KEPT_YEARS, last_year + 1)]
        return [shard for shard in years if self.checkpoint(shard) is not None]

    def checkpoint(self, shard: int) -> bytes | None:
        return self._get(f"log/{shard}/checkpoint", MAX_NOTE_BYTES)

    def history(self, shard: int) -> list[bytes]:
        return []

    def entries(self, shard: int, index: int, width: int) -> list[bytes]:
        paths = [entries_path(index, w) for w in dict.fromkeys((width, TILE_WIDTH))]
        for path in paths:
            data = self._get(f"log/{shard}/{path}", MAX_ENTRIES_BYTES)
            leaves = None if data is None else decode_entries(data)
            if leaves is not None and len(leaves) >= width:
                return leaves[:width]
        raise SourceFault(f"{self.base}/log/{shard}/{paths[0]}: no such entries")

    def tile(self, shard: int, level: int, index: int, width: int) -> bytes:
        paths = [tile_path(level, index, w) for w in dict.fromkeys((width, TILE_WIDTH))]
        for path in paths:
            data = self._get(f"log/{shard}/{path}", TILE_WIDTH * HASH_BYTES)
            if data is not None and len(data) >= width * HASH_BYTES:
                return data[: width * HASH_BYTES]
        raise SourceFault(f"{self.base}/log/{shard}/{paths[0]}: no such tile")

    def statement(self, commit_id: bytes) -> bytes | None:
        return self._get(f"commit/{transaction_uuid(commit_id)}", MAX_ANSWER_BYTES)

    def _get(self, path: str, at_most: int) -> bytes | None:
        url = f"{self.base}/{path}"
        try:
            host = urlsplit(url).hostname or ""
            # Whatever proxy the machine has, a registry on this machine is not behind it.
            handlers = [urllib.request.ProxyHandler({})] if _is_loopback(host) else []
            opener = urllib.request.build_opener(*handlers)
            asked = urllib.request.Request(url, headers={"Accept": "application/x-protobuf, */*"})
            with opener.open(asked, timeout=TIMEOUT_S) as response:
                data: bytes = response.read(at_most + 1)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (404, 410):
                    return None
            raise SourceFault(f"{url}: answers {error.code}") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise SourceFault(f"{url}: {error}") from error
        if len(data) > at_most:
            raise SourceFault(f"{url}: more than {at_most} bytes")
        return data


def open_source(text: str) -> Source:
    """A URL or the path of a directory."""
    if text.startswith(("http://", "https://")):
        return HttpSource(text.rstrip("/"))
    return DirectorySource(Path(text))


def entry_tiles(start: int, end: int) -> Iterator[Tile]:
    """The entry tiles of the leaves [start, end), each as wide as a log of `end` leaves has it."""
    first, last = start // TILE_WIDTH, -(-end // TILE_WIDTH)
    return (Tile(ENTRIES, i, min(TILE_WIDTH, end - i * TILE_WIDTH)) for i in range(first, last))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
