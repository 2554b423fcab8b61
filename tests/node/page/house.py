"""A node's page over a whole node: its engine, and its store in memory. Nobody is its neighbour."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from itertools import count
from pathlib import Path
from re import findall
from typing import Any

import httpx
import trio
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import ASGIApp

from node.command.browsing.authenticator import Authenticator, Passkey
from node.command.finder import LocalFinder
from node.command.sim.cast import NOW_US, signing_key
from node.command.sim.world.host import make_identity
from node.config import NodeConfig
from node.control import requests
from node.control.context import Context
from node.core.escrow.events import KeepRow
from node.core.people.events import SetPurseLimit, Transfer
from node.core.people.rows import (
    Confirmation,
    Credential,
    CredentialKind,
    EntryKind,
    OfPeople,
    Person,
    PersonPhase,
    Purse,
    Session,
    person_id,
)
from node.page.site import app
from node.page.visits import COOKIE, session_id
from node.page_config import PageConfig
from node.store import metadata
from node.wired import WiredNode
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, SealKey, SigningKey
from proto.limits import US
from proto.money import Brand, common_brand
from proto.request import PaymentRequest, from_text, sign_request
from proto.wire import canonical
from runtime.control import Arguments
from runtime.schema import create_tables
from runtime.store import Store, memory_engine
from runtime.transport import PeerEndpoint
from runtime.writer import InlineWriter
from tests.node.page.bank import Browser, Clock, Page

ORIGIN = "https://bank.example"
EUR = common_brand("EUR")
HOUR_US = 3600 * US


class Alone:
    """A transport of a node that nobody calls."""

    def hand_to(self, sink: Any) -> None:
        del sink

    def set_peers(self, peers: Mapping[Any, PeerEndpoint]) -> None:
        del peers

    def send(self, peer: Any, link: int, *rest: Any) -> None:
        raise AssertionError("nobody is there")

    gossip = sync = drop = send


@dataclass
class House:
    """`context`: of the node. `await person(...)`, then `browser(...)` of somebody logged in."""

    context: Context
    site: ASGIApp
    clock: Clock
    numbers: Any = field(default_factory=count)

    async def person(self, name: str, limit: int = 0, paid_in: int = 0) -> Person:
        """An account with a limit, and so much in it."""
        person = Person(person_id(name), name, name.title(), PersonPhase.ACTIVE, NOW_US)
        await self.keep(person)
        if limit:
            await self.context.do(lambda at: SetPurseLimit(at, person.id, EUR, limit))
        if paid_in:
            await self.pay_in(person, paid_in)
        return person

    async def pay_in(self, person: Person, amount: int, text: str = "from the till") -> None:
        reference = self.draw(16)
        kind = EntryKind.PAID_IN
        await self.context.do(
            lambda at: Transfer(at, reference, person.id, EUR, amount, kind, text)
        )

    def draw(self, size: int) -> bytes:
        return sha256(b"house %d" % next(self.numbers)).digest()[:size]

    async def asks(self, payee: Person, **wish: Any) -> bytes:
        """A request that credits this person: what the node signed."""
        told = {"amount": 30, "person": payee.id.hex(), **wish}
        made = await requests.create_in(self.context, Arguments(told), EUR)
        return from_text(made["text"])

    async def keep(self, row: OfPeople) -> None:
        await self.context.do(lambda at: KeepRow(at, row))

    @asynccontextmanager
    async def browser(self, person: Person, *, by_code: bool = False) -> AsyncIterator[Browser]:
        """Of one who has logged in by a passkey, or by a recovery code."""
        keys = Authenticator(ORIGIN)
        number = int.from_bytes(self.draw(30), "big")
        made = Passkey(self.draw(20), ec.derive_private_key(number, ec.SECP256R1()), person.id)
        keys.passkeys.append(made)
        passkey = CredentialKind.PASSKEY
        await self.keep(Credential(person.id, made.id, passkey, made.cose, "phone", NOW_US))
        token, by, now_us = self.draw(32).hex(), b"" if by_code else made.id, self.clock.now_us()
        await self.keep(Session(session_id(token), person.id, by, now_us, now_us))
        async with self.stranger() as http:
            http.cookies.set(COOKIE, token, domain="bank.example")
            yield Browser(http, keys)

    @asynccontextmanager
    async def stranger(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=self.site)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
            yield http

    def confirmation(self, ident: bytes) -> Confirmation:
        found = self.context.confirmations.find(ident)
        assert found is not None
        return found

    def purse(self, person: Person, brand: Brand = EUR) -> Purse:
        row = self.context.engine.memory.row((Purse.table, person.id, brand.guid))
        assert isinstance(row, Purse)
        return row

    def foreign(self, name: str = "shop", **changes: Any) -> bytes:
        """A request of a payee at a node that no line leads to, signed."""
        key = signing_key(name)
        now_us = self.clock.now_us()
        seal = SealKey(self.draw(32))
        made = KeyCertificate(key.public, KeyPurpose.SEAL, seal.public, 0, now_us + 10**15)
        fields: dict[str, Any] = {
            "request_id": self.draw(16),
            "payee": key.node_id,
            "payee_alias": name,
            "brand": EUR,
            "amount": 30,
            "committer_key": SigningKey(self.draw(32)).public,
            "seal_key": seal.public,
            "seal_certificate": canonical(certify_key(key, made)),
            "expires_at_us": now_us + HOUR_US,
            "latest_deadline_us": now_us + 2 * HOUR_US,
        }
        return sign_request(key, PaymentRequest(**{**fields, **changes}))


@asynccontextmanager
async def house(nursery: trio.Nursery) -> AsyncIterator[House]:
    """It runs in `nursery`, which is cancelled at the end."""
    clock, draws = Clock(), count()
    database = memory_engine()
    with database.begin() as connection:
        create_tables(connection, metadata)
    page = PageConfig("127.0.0.1:0", ORIGIN)
    config = NodeConfig("harbour", page=page)
    draw = lambda n: sha256(b"draw %d" % next(draws)).digest()[:n]  # noqa: E731
    identity = make_identity("harbour")
    node = WiredNode(config, identity, Store(Path("/harbour"), database), clock, draw)
    with InlineWriter.open(database) as writer:
        transport: Any = Alone()
        connect: Any = None
        context = node.wire(transport, writer, connect, nursery, LocalFinder())
        yield House(context, app(context, page), clock)
        nursery.cancel_scope.cancel()


def form_of(page: Page, action: str) -> dict[str, str]:
    """The hidden fields of the form that posts there."""
    form = page.answer.text.partition(f'action="{action}"')[2].partition("</form>")[0]
    assert form, page.text
    found = findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in found}


async def brought(home: House, payer: Person, signed: bytes) -> str:
    """Its path on the payer's page, over the back channel."""
    made = await home.context.confirmations.bring(signed, name=payer.name)
    assert made.refusal is None
    return f"/requests/{made.id.hex()}"


async def approve(browser: Browser, where: str, **changes: Any) -> Page:
    """As the page's own form does; `changes`: other fields, or `options` to be signed."""
    page = await browser.look(where)
    options = changes.pop("options", page.options)
    fields = {**page.hidden, "assertion": browser.keys.get(options), **changes}
    return await browser.send(where + "/approve", fields)
