"""What the verbs work with: the running daemon, and how people name things in it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import sqlalchemy
import trio

from node.archive import Archive
from node.control.beginning import Beginning
from node.control.failure import ControlFailure, bad_argument, refuse
from node.control.settled import UUID_DIGITS, Settled
from node.core.events import Event
from node.core.rows import Line, LinePhase, Payment, Request, Row
from node.engine import Engine, StoreUnavailable
from node.escrow.exchange import Exchange
from node.page_config import NO_PAGE, PageConfig
from node.paying import Payer
from node.people.confirmations import Confirmations
from node.registrar.running import Registrar
from node.remote_finder import RemoteFinder
from node.reputation.heads import Heads, MemoryHeads
from node.routing import RouteFinder
from node.terms import Book, KnownRegistry
from proto import money
from proto.card import NodeCard
from proto.descriptor import transaction_uuid
from proto.fraud.verdict import Verdict
from proto.keys import NodeId
from proto.money import Brand
from proto.policy import RegistryPolicy, single
from runtime.clock import Clock
from runtime.faults import StoreFailed, StoreFault
from runtime.gossip import Gossip
from runtime.identity import Identity
from runtime.write_plan import Write

T = TypeVar("T")

SHOWN_DIGITS: Final = 8  # of an id, where people have to tell it from others


@dataclass(frozen=True, slots=True)
class Process:
    """One of those that serve this node together. `keeper`: it sees to what waits for a time;
    `streams`: with how many neighbours it speaks."""

    id: bytes
    this: bool
    keeper: bool
    streams: int


@dataclass(slots=True)
class Context:
    """The daemon as its verbs see it."""

    identity: Identity
    alias: str
    address: str
    card: str
    database: str
    database_file: Path | None
    store_engine: sqlalchemy.Engine
    started_us: int
    engine: Engine
    archive: Archive
    gossip: Gossip
    payer: Payer
    finder: RouteFinder
    book: Book
    clock: Clock
    entropy: Callable[[int], bytes]
    add_peer: Callable[[NodeCard], Sequence[Write]]
    expose: Callable[[bytes], Awaitable[Verdict]]
    advertise: Callable[[], None]
    processes: Callable[[], list[Process]]
    confirmations: Confirmations
    page: PageConfig = NO_PAGE
    exchange: Exchange | None = None
    heads: Heads = field(default_factory=MemoryHeads)
    stop: trio.Event = field(default_factory=trio.Event)
    registrar: Registrar | None = None  # where this node keeps titles

    @property
    def settled(self) -> Settled:
        """Rows wherever they lie."""
        return Settled(self.engine.memory, self.archive)

    @property
    def lines(self) -> list[Line]:
        return list(self.engine.memory.lines())

    def alias_of(self, node: bytes) -> str:
        """How people call a node: our name for a neighbour, its own, or the first digits."""
        if node == self.identity.key.node_id:
            return self.alias
        neighbour = self.engine.links.neighbours.get(NodeId(node))
        if neighbour is not None:
            return neighbour.alias
        advert = self.gossip.node(NodeId(node))
        alias = advert.alias if advert is not None else ""
        if isinstance(self.finder, RemoteFinder):
            alias = alias or self.finder.alias(NodeId(node))
        return alias or node.hex()[:SHOWN_DIGITS]

    def registry_name(self, registry: bytes) -> str:
        known = self.book.registries.get(registry)
        return known.record.name or registry.hex() if known else registry.hex()

    def find_line(self, named: str) -> Line:
        """By id prefix, ALIAS, ALIAS/BRAND or node id prefix. Closed lines only by id."""
        alias, _, brand = named.partition("/")
        found = []
        for line in self.lines:
            if named and line.id.hex().startswith(named.lower()) and len(named) >= 4:
                found.append(line)
            elif line.phase is not LinePhase.CLOSED and brand in ("", line.brand.name):
                peer_named = line.peer.hex().startswith(alias.lower()) and len(alias) >= 4
                if self.alias_of(line.peer) == alias or peer_named:
                    found.append(line)
        return _one(found, "line", named, "pledgeway line list")

    def find_registry(self, named: str) -> KnownRegistry:
        """By name or id prefix."""
        found = [
            known
            for registry, known in self.book.registries.items()
            if known.record.name == named
            or (len(named) >= 4 and registry.hex().startswith(named.lower()))
        ]
        return _one(found, "registry", named, "pledgeway node registry list")

    def find_deciders(self, named: str) -> RegistryPolicy:
        """A policy by its name, else a registry alone by its name or id prefix."""
        known = self.book.terms.policies.get(named)
        return known or single(self.find_registry(named).record.registry)

    def policy_name(self, policy: RegistryPolicy) -> str:
        """The owner's name for it, else those of its members."""
        for name, known in self.book.terms.policies.items():
            if known == policy:
                return name
        return "+".join(self.registry_name(member) for member in policy.members)

    def find_payment(self, named: str) -> Payment:
        """By id prefix, request id prefix, or the transaction's UUID."""
        beginning = Beginning.of(named)
        if beginning and (whole := self._whole(Payment.table, beginning)):
            assert isinstance(whole, Payment)
            return whole
        payments = self.engine.memory.owned(Payment)
        if beginning:
            found = [p for p in payments if beginning.begins(p.id)]
        else:
            beginning = Beginning.of(named.replace("-", "")[:UUID_DIGITS])
            found = [
                p
                for p in payments
                if beginning
                and beginning.begins(p.commit)
                and str(transaction_uuid(p.commit)) == named.lower()
            ]
        found = found or self.settled.payments(named)
        return _one(found, "payment", named, "pledgeway payment list")

    def find_request(self, named: str) -> Request:
        beginning = Beginning.of(named)
        if beginning and (whole := self._whole(Request.table, beginning)):
            assert isinstance(whole, Request)
            return whole
        requests = self.engine.memory.owned(Request)
        found = [r for r in requests if beginning and beginning.begins(r.id)]
        found = found or self.settled.requests(named)
        return _one(found, "request", named, "pledgeway request list")

    def _whole(self, table: str, beginning: Beginning) -> Row | None:
        """The row whose id was given in full: programs do, and need not wait for a search."""
        if beginning.half is not None:
            return None
        return self.engine.memory.row((table, beginning.whole, b""))

    def find_brand(self, named: str, unit: int = 1) -> Brand:
        """A brand by name: the one of our lines, else the common one without issuer."""
        known = {line.brand.guid: line.brand for line in self.lines if line.brand.name == named}
        if len(known) > 1:
            raise bad_argument("brand", f"several brands are called {named}")
        if known:
            return next(iter(known.values()))
        return common_brand(named, unit)

    async def durable(self, writes: Sequence[Write]) -> None:
        """Makes other tables' changes durable before they are answered for."""
        if writes:
            await store(self.engine.write(writes))

    async def do(self, make: Callable[[int], Event]) -> None:
        """An event of the owner; its refusal or the disk's is a ControlFailure."""
        refuse(await store(self.engine.ask(make)))

    async def do_all(self, makes: Sequence[Callable[[int], Event]]) -> None:
        """Several events that share a transaction as far as there is room; the first no, if any."""
        failures: list[ControlFailure] = []

        async def one(make: Callable[[int], Event]) -> None:
            try:
                await self.do(make)
            except ControlFailure as failure:
                failures.append(failure)

        async with trio.open_nursery() as nursery:
            for make in makes:
                nursery.start_soon(one, make)
        if failures:
            raise failures[0]


def common_brand(name: str, unit: int = 1) -> Brand:
    """The brand without issuer that everybody means by this name and unit."""
    try:
        return money.common_brand(name, unit)
    except ValueError as error:
        raise bad_argument("brand", str(error)) from error


async def store(work: Awaitable[T]) -> T:
    """Awaits work of the engine; a disk that refuses is a failure of its own."""
    try:
        return await work
    except StoreUnavailable as error:
        cause = error.__cause__
        if isinstance(cause, StoreFailed) and cause.kind is StoreFault.CONNECTION:
            raise ControlFailure(
                "STORE_LOST",
                "the database's answer was lost: it may have been done, or not",
                "look whether it was done, then ask again; the same thing is never done twice",
            ) from error
        raise ControlFailure(
            "STORE_FULL",
            f"the disk refused: {error}; nothing was changed",
            "free space on the disk, then try again",
        ) from error


def _one(found: Sequence[T], what: str, named: str, how: str) -> T:
    if not found:
        raise ControlFailure("NOT_FOUND", f"no {what} is called {named!r}", f"see `{how}`")
    if len(found) > 1:
        raise ControlFailure(
            "AMBIGUOUS", f"{len(found)} {what}s match {named!r}", "give more digits of its id"
        )
    return found[0]
