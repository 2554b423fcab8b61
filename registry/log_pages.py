"""The log over HTTP (C2SP tlog-tiles): checkpoints and tiles, as the files that they are.

Any static web server can do this as well. This one also answers for a partial tile whose whole one
has come meanwhile, so that a client with a checkpoint of a minute ago still gets what it needs.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from proto.shard import shard_of
from registry.publishing.tile_files import LogDamaged, TileFiles
from registry.tlog import ENTRIES, encode_entries, parse_tile_path
from runtime.clock import Clock

T = TypeVar("T")

SECONDS: Final = {"Cache-Control": "public, max-age=2"}  # tlog-tiles: a few seconds at most
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
NOT_YET: Final = {"Cache-Control": "no-store"}  # what is missing now is there in a moment
ANY_ORIGIN: Final = {  # anybody may verify, in a browser too
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
SHARD: Final = re.compile(r"0|[1-9][0-9]{3}")
MAX_PATH_CHARS: Final = 64
READERS: Final = 4  # files read at a time: decisions need the disk as well


@dataclass(frozen=True, slots=True)
class LogPages:
    """`folder` holds a folder for each shard; `clock` says which of them is this year's."""

    folder: Path
    clock: Clock
    readers: trio.CapacityLimiter

    @classmethod
    def of(cls, folder: Path, clock: Clock) -> "LogPages":
        return cls(folder, clock, trio.CapacityLimiter(READERS))

    def routes(self) -> list[Route]:
        """For whatever serves the registry's pages."""
        return [
            Route("/checkpoint", self.get_checkpoint, methods=["GET"]),
            Route("/tile/{path:path}", self.get_tile, methods=["GET"]),
            Route("/log/{shard}/checkpoint", self.get_checkpoint, methods=["GET"]),
            Route("/log/{shard}/tile/{path:path}", self.get_tile, methods=["GET"]),
        ]

    async def get_checkpoint(self, request: Request) -> Response:
        """The newest cosigned checkpoint of a shard; without one named, of the current year's."""
        files = self._files(request)
        note = None if files is None else await self._read(files.read_checkpoint)
        if not note:
            return Response("no checkpoint yet\n", 404, NOT_YET | ANY_ORIGIN, "text/plain")
        return Response(note, 200, SECONDS | ANY_ORIGIN, "text/plain; charset=utf-8")

    async def get_tile(self, request: Request) -> Response:
        """A tile of hashes or of entries."""
        files, path = self._files(request), request.path_params["path"]
        tile = parse_tile_path(f"tile/{path}") if len(path) <= MAX_PATH_CHARS else None
        if files is None or tile is None:
            return Response("no such tile\n", 404, NOT_YET | ANY_ORIGIN, "text/plain")

        def read() -> bytes:
            if tile.level == ENTRIES:
                return encode_entries(files.read_entries(tile.index, tile.width))
            return files.read_tile(tile.level, tile.index, tile.width)

        try:
            data = await self._read(read)
        except LogDamaged:
            return Response("no such tile\n", 404, NOT_YET | ANY_ORIGIN, "text/plain")
        return Response(data, 200, FOR_EVER | ANY_ORIGIN, "application/octet-stream")

    async def _read(self, read: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(read, limiter=self.readers)

    def _files(self, request: Request) -> TileFiles | None:
        name = request.path_params.get("shard") or str(shard_of(self.clock.now_us()))
        return TileFiles(self.folder / name) if SHARD.fullmatch(name) else None
