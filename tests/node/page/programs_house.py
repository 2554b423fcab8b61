"""A node with its page in this process: real core, real books in memory, no wire and no socket.

Payer and payee have their accounts at it, so that a payment ends in the step that approves it.
"""

import os
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import trio

from node.command.finder import LocalFinder
from node.command.sim.cast import digest, signing_key
from node.config import NodeConfig
from node.control import people, requesters, requests
from node.control.context import Context
from node.control.failure import Arguments
from node.core.events import AddRequest
from node.core.rows import Request
from node.page.site import app
from node.page_config import PageConfig
from node.store import metadata
from node.wired import WiredNode
from proto.approval import APPROVAL_KIND
from proto.envelope import sign
from proto.keys import SigningKey
from proto.login import sign_join, sign_login
from proto.request import countersign, read_request, sign_request
from proto.request_parts import Requester
from proto.submission import Submission, sign_submission
from runtime.clock import SystemClock
from runtime.identity import create_identity
from runtime.schema import create_tables
from runtime.store import Store, memory_engine
from runtime.writer import InlineWriter

ORIGIN = "http://bank.localhost:8000"
SHOP = signing_key("shop")
NOTIFY = "https://shop.example/hook"
BACK = "https://shop.example/thanks"


class NoWire:
    """A transport of a node without neighbours."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


@dataclass
class House:
    """One node, one page, and whoever asks it."""

    context: Context
    page: PageConfig
    http: httpx.AsyncClient
    app: Any
    keys: dict[str, SigningKey] = field(default_factory=dict)

    @property
    def now_us(self) -> int:
        return self.context.clock.now_us()

    def far(self, address: str) -> httpx.AsyncClient:
        """Somebody elsewhere in the net."""
        transport = httpx.ASGITransport(self.app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN)

    @staticmethod
    def key_of(name: str) -> SigningKey:
        """The key of that person's program."""
        return signing_key("wallet of " + name)

    async def verb(self, verb: Any, **given: Any) -> Any:
        """A verb of the operator's."""
        return await verb(self.context, Arguments(given))

    async def person(self, name: str, limit: int = 1000) -> dict[str, str]:
        """Somebody with an account and a key: the headers of a program that has logged in."""
        invited = await self.verb(people.invite, name=name, limits=[["USD", str(limit)]])
        key = self.keys[name] = self.key_of(name)
        joined = await self.http.post("/api/join", json=self.joining(invited["token"], key))
        assert joined.status_code == 201, joined.text
        return {"Authorization": f"Bearer {joined.json()['token']}"}

    def joining(self, token: str, key: SigningKey) -> dict[str, Any]:
        signature = sign_join(key, ORIGIN, token).hex()
        return {"token": token, "key": key.public.hex(), "label": "test", "signature": signature}

    def login(self, name: str, at_us: int = 0, origin: str = ORIGIN) -> dict[str, Any]:
        key, at_us = self.keys[name], at_us or self.now_us
        signature = sign_login(key, origin, name, at_us).hex()
        return {"name": name, "key": key.public.hex(), "time": at_us, "signature": signature}

    async def asked(self, amount: int = 100, **fields: Any) -> bytes:
        """A request of the node's own; `fields`: what else it says. One that names the shop as its
        requester has the shop's signature."""
        made = await self.verb(
            requests.create, amount=amount, brand="USD", description="A lamp", registries=[]
        )
        row = self.context.engine.memory.row((Request.table, bytes.fromhex(made["id"]), b""))
        assert isinstance(row, Request)
        request = read_request(row.signed, self.now_us)
        fresh = os.urandom(16)
        request = replace(request, **({"request_id": fresh} | fields))
        signed = sign_request(self.context.identity.key, request)
        row = replace(row, id=request.request_id, signed=signed, person=request.person)
        await self.context.do(partial(AddRequest, request=row))
        return signed if request.requester is None else countersign(SHOP, signed)

    async def shop(self, notify: str = NOTIFY) -> Requester:
        """The shop, known to the operator: what its requests name."""
        await self.verb(
            requesters.add,
            key=SHOP.public.hex(),
            name="Shop",
            notify=[notify],
            **{"return": [BACK]},
        )
        return Requester(SHOP.public, "Shop", notify, BACK)

    async def approve(self, identifier: str, name: str, who: dict[str, str]) -> httpx.Response:
        """As the wallet of that name does."""
        place = f"/api/requests/{identifier}"
        offered = b64decode((await self.http.get(place, headers=who)).json()["approval"])
        proof = sign(self.keys[name], APPROVAL_KIND, offered)
        said = {"approval": b64encode(offered).decode(), "signature": proof.signature.hex()}
        return await self.http.post(f"{place}/approve", json=said, headers=who)

    def submission(
        self, asked: bytes, payer: str = "", key: SigningKey | None = None, **other: Any
    ) -> bytes:
        """As a shop brings it; `other`: fields said otherwise."""
        fields: dict[str, Any] = {
            "request": asked,
            "payer": payer,
            "nonce": digest("nonce"),
            "state": "session 7",
            "sent_at_us": self.now_us,
            "audience": self.context.identity.key.node_id,
        } | other
        return sign_submission(key or self.context.identity.key, Submission(**fields))

    async def bring(self, data: bytes) -> httpx.Response:
        return await self.post("/back/requests", data)

    async def post(self, path: str, data: bytes, **headers: str) -> httpx.Response:
        """Some bytes. In a stream of its own: httpx's complains where nobody reads it to its end,
        and what is too long is not read."""
        request = self.http.build_request("POST", path, headers=headers)
        request.stream = Whole(data)
        return await self.http.send(request)


class Whole(httpx.AsyncByteStream):
    """A body in one piece."""

    def __init__(self, data: bytes) -> None:
        self._left = [data]

    def __aiter__(self) -> "Whole":
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


@asynccontextmanager
async def house(directory: Path) -> AsyncIterator[House]:
    """It runs until the block ends."""
    page = PageConfig(listen="127.0.0.1:8000", origin=ORIGIN, private_calls=True)
    config = NodeConfig("Bank", page=page)
    clock = SystemClock(config.declared_error_us)
    identity = create_identity(directory, clock.now_us(), os.urandom)
    engine = memory_engine()
    with engine.begin() as connection:
        create_tables(connection, metadata)
    wired = WiredNode(config, identity, Store(directory / "node.sqlite", engine), clock)
    with InlineWriter.open(engine) as writer:
        async with trio.open_nursery() as nursery:
            no_wire: Any = NoWire()
            context = wired.wire(no_wire, writer, _nobody, nursery, LocalFinder())
            served: Any = app(context, page)
            transport = httpx.ASGITransport(served)
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
                yield House(context, page, http, served)
            nursery.cancel_scope.cancel()
    engine.dispose()


def _nobody(*_: Any) -> Any:
    raise AssertionError("no registry is asked here")
