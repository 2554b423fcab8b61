"""One node with people whose accounts it keeps: a real engine and store, and a path finder that
says what a test wants."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256

from node.command.sim.cast import digest, signing_key
from node.command.sim.cores.plan import USD, terms
from node.core.escrow.events import KeepRow
from node.core.events import AddRequest
from node.core.payee import committer_key
from node.core.people.events import JoinPerson, Transfer
from node.core.people.rows import (
    Credential,
    CredentialKind,
    EntryKind,
    Invitation,
    Person,
    PersonPhase,
    Purse,
    person_id,
)
from node.core.rows import Request, RequestPhase
from node.pay_options import PayOptions
from node.people.confirmations import Confirmations
from node.people.journal import Journal
from node.people.names import invitation_id, limits_json, purses_of
from node.routing import NoRoute, RouteFound, RouteHop, RoutePart
from proto.approval import Approved, sign_approval
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, NodeId, SealKey, SigningKey
from proto.levels import Level
from proto.policy import RegistryPolicy
from proto.request import PaymentRequest, countersign, sign_request
from proto.request_parts import MandateTerms, Requester
from proto.schedule import schedule
from proto.wire import canonical
from tests.node.engines import Engines, engines

DAY_US = 86_400_000_000
SHOP, OTHER_SHOP = signing_key("shop"), signing_key("other shop")
ANN, BOB = person_id("ann"), person_id("bob")


@dataclass
class Finder:
    """A path finder with one answer."""

    fee: int | None = 0  # None: there is no chain
    level: Level = Level.ATOMIC
    asked: list[tuple[PaymentRequest, PayOptions]] = field(default_factory=list)

    async def plan(self, request: PaymentRequest, options: PayOptions) -> RouteFound | NoRoute:
        self.asked.append((request, options))
        if self.fee is None or self.level not in options.first_levels:
            return NoRoute(True, ({"code": "NO_PATH", "rule": "NO_PATH"},))
        cost = request.amount + self.fee
        if cost > options.max_cost:
            over = {"code": "MAX_COST", "rule": "MAX_COST", "figure": cost - options.max_cost}
            return NoRoute(True, (over,))
        ends = (NodeId(digest("us")), NodeId(digest("hop")), request.payee)
        hops = (
            RouteHop(ends[0], ends[1], self.level, cost),
            RouteHop(ends[1], ends[2], self.level, request.amount),
        )
        times = schedule((self.level, self.level))
        assert times is not None
        policy = RegistryPolicy((digest("registry"),), 1, 1, 0, 0)
        return RouteFound((RoutePart(hops, (), times),), policy, True)


@dataclass
class House:
    """The node P of a world, and shortcuts to it."""

    world: Engines
    finder: Finder
    confirmations: Confirmations
    made: int = 0

    @property
    def key(self) -> SigningKey:
        return self.world.nodes["P"].key

    @property
    def now_us(self) -> int:
        return self.world.now_us

    def purse(self, person: bytes) -> Purse:
        row = self.world.engine("P").memory.row((Purse.table, person, USD.guid))
        assert isinstance(row, Purse)
        return row

    async def join(self, name: str, limit: int = 0) -> bytes:
        """Somebody takes an invitation up, with a key of a command line."""
        self.made += 1
        token, now_us = f"token {name} {self.made}", self.now_us
        invited = Invitation(
            invitation_id(token), name, name.title(), limits_json({USD: limit}), now_us,
            now_us + DAY_US,
        )  # fmt: skip
        await self.world.tell("P", KeepRow(now_us, invited))
        person, key = person_id(name), signing_key(name).public
        joined = JoinPerson(
            now_us,
            invited.id,
            Person(person, name, name.title(), PersonPhase.ACTIVE, now_us),
            Credential(person, key, CredentialKind.KEY, key, "laptop", now_us),
            (),
            purses_of(invited, person),
        )
        await self.world.tell("P", joined)
        return person

    async def pay_in(self, person: bytes, amount: int, kind: EntryKind = EntryKind.PAID_IN) -> None:
        self.made += 1
        reference = sha256(b"counter" + self.made.to_bytes(4, "big")).digest()[:16]
        event = Transfer(self.now_us, reference, person, USD, amount, kind, "over the counter")
        await self.world.tell("P", event)

    def request(self, key: SigningKey = SHOP, **fields: object) -> tuple[bytes, PaymentRequest]:
        """(as signed, what it says): 700 USD for SHOP, another one each time."""
        self.made += 1
        seed = digest(f"seed {self.made}")
        seal = SealKey(digest("seal")).public
        ends_us = self.now_us + DAY_US
        made = KeyCertificate(key.public, KeyPurpose.SEAL, seal, self.now_us - DAY_US, 2 * ends_us)
        given: dict[str, object] = {
            "request_id": seed[:16],
            "payee": key.node_id,
            "payee_alias": "Lamp shop",
            "brand": USD,
            "amount": 700,
            "committer_key": committer_key(seed).public,
            "seal_key": seal,
            "seal_certificate": canonical(certify_key(key, made)),
            "expires_at_us": self.now_us + 3_600_000_000,
            "latest_deadline_us": ends_us,
            "description": "One lamp",
        }
        request = PaymentRequest(**(given | fields))  # type: ignore[arg-type]
        return sign_request(key, request), request

    async def asked_by(self, person: bytes, **fields: object) -> tuple[bytes, PaymentRequest]:
        """A request of somebody who has an account here; b"": of the node's owner."""
        signed, request = self.request(self.key, person=person, **fields)
        row = Request(
            id=request.request_id,
            signed=signed,
            seed=digest(f"seed {self.made}"),
            amount=request.amount,
            brand=USD,
            phase=RequestPhase.OPEN,
            created_at_us=self.now_us,
            expires_at_us=request.expires_at_us,
            person=person,
        )
        await self.world.tell("P", AddRequest(self.now_us, row))
        return signed, request

    async def approve(self, taken: bytes, person: bytes, by: SigningKey) -> object:
        """Prepares and approves what a person has taken; its refusal."""
        row = self.confirmations.find(taken)
        assert row is not None
        prepared = await self.confirmations.prepare(row, person)
        assert prepared.payable, prepared.because
        approved = sign_approval(by, prepared.approval(person))
        return await self.confirmations.approve(taken, person, approved)


def by_requester(key: SigningKey) -> Requester:
    return Requester(key.public, "a shop's own word")


def mandate(at: House, each: int = 1000, in_period: int = 2200, total: int = 5000) -> MandateTerms:
    """Caps of a standing approval with a period of a day."""
    return MandateTerms(each, DAY_US, in_period, total, at.now_us + 30 * DAY_US)


def forged(approved: Approved) -> Approved:
    """The same words, the signature of another one."""
    assert not isinstance(approved.by, bytes)
    flipped = bytes((approved.by.signature[0] ^ 1,)) + approved.by.signature[1:]
    return Approved(approved.approval, replace(approved.by, signature=flipped))


@asynccontextmanager
async def house(limit: int = 10_000) -> AsyncIterator[House]:
    """A node with ann and bob, who may owe it `limit` each."""
    async with engines() as world:
        yield await house_in(world, limit)


async def house_in(world: Engines, limit: int = 10_000) -> House:
    """The same, in a world that is there already."""
    world.add("P", terms)
    await world.rest()
    finder = Finder()
    made = Confirmations(
        world.engine("P"),
        Journal(world.hosts["P"].database),
        finder,
        world.nodes["P"].key,
        world.clock,
        partial(_draw, world),
    )
    built = House(world, finder, made)
    for name in ("ann", "bob"):
        await built.join(name, limit)
    return built


def _draw(world: Engines, count: int) -> bytes:
    return world.draw("entropy")[:count]


def countersigned(key: SigningKey, signed: bytes) -> bytes:
    """With its requester's signature around it."""
    return countersign(key, signed)
