"""The registry about itself: its page, its record, and the files that pages need."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from proto.registry_record import RegistryRecord
from proto.statement import DecisionLeaf
from proto.v1 import types_pb2 as pb
from registry.desk import Desk
from registry.latest import latest
from registry.store_reader import LedgerReader
from registry.web.pages import page
from registry.web.record_view import record_json, record_view
from registry.web.replies import FIVE_MINUTES, JSON, NO_STORE, form, message, reply
from registry.web.vitals import AskHealth
from runtime.looks import FILES, FOLDER

LATEST: Final = 50  # a screenful or three; older ones are asked for by id
SHOWN_BYTES: Final = 4  # of a commit_id: enough to recognise one's own, too few to look one up


@dataclass(frozen=True, slots=True)
class Front:
    """GET /, GET /registry and what the pages are made of."""

    desk: Desk
    engine: Engine
    record: Callable[[], RegistryRecord]
    health: AskHealth

    def routes(self) -> list[Route]:
        files = [Route(f"/{name}", self.get_file, methods=["GET"]) for name in FILES]
        return [
            Route("/", self.get_page, methods=["GET"]),
            Route("/registry", self.get_record, methods=["GET"]),
            *files,
        ]

    async def get_page(self, request: Request) -> Response:
        health = await self.health()
        recent = await self.desk.look_up(self._latest)
        values = {
            "health": health,
            "view": record_view(self.record()),
            "latest": [(leaf, leaf.commit_id[:SHOWN_BYTES].hex()) for leaf in recent],
            "base": self.record().archive_url.removesuffix("/commit/%s"),
        }
        return page(request, 200, "registry", NO_STORE, **values)

    async def get_record(self, request: Request) -> Response:
        """The signed record. As JSON its content in words beside it, for whoever wants to read."""
        record = self.record()
        if form(request, page=False) == JSON:
            text = json.dumps(record_json(record_view(record)), indent=2) + "\n"
            return reply(request, 200, text.encode(), JSON, FIVE_MINUTES)
        signed = pb.SignedRegistryRecord.FromString(record.signed)
        return message(request, 200, signed, FIVE_MINUTES)

    async def get_file(self, request: Request) -> Response:
        name = request.url.path.removeprefix("/")
        body = (FOLDER / name).read_bytes()
        return reply(request, 200, body, FILES[name], FIVE_MINUTES)

    def _latest(self) -> list[DecisionLeaf]:
        """In a thread."""
        with self.engine.connect() as connection:
            return latest(LedgerReader(connection), LATEST)
