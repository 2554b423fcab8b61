"""Keeps what others know of us fresh: our terms, our lines, the registries we have met."""

from collections.abc import Callable, Iterable
from typing import Final

import trio

from node.config import NodeConfig
from node.core.rows import Line, LinePhase, Row
from node.core.view import Settings
from node.engine import Engine, StoreUnavailable
from node.terms import Book
from proto.adverts import LineAdvert, NodeAdvert, RecordAdvert
from proto.limits import MAX_ADVERT_REGISTRIES, MAX_AMOUNT
from proto.registry_list import RegistryList
from runtime.clock import Clock
from runtime.gossip import ADVERT_TTL_US, REFRESH_US, Gossip
from runtime.identity import Identity

PAUSE_S: Final = 0.25  # between two rounds of adverts: many changes of a line become one advert


class Advertiser:
    """One task. Changes wake it; otherwise it repeats everything before it expires."""

    def __init__(
        self,
        identity: Identity,
        config: NodeConfig,
        engine: Engine,
        gossip: Gossip,
        book: Book,
        clock: Clock,
        nursery: trio.Nursery,
    ) -> None:
        self._identity = identity
        self._config = config
        self._engine = engine
        self._gossip = gossip
        self._book = book
        self._clock = clock
        self._nursery = nursery
        self._news = trio.Event()
        self._news.set()  # a start is news: everybody hears of us
        self._all = True
        self._lines: set[bytes] = set()
        self._said: dict[bytes, tuple[int, int, int]] = {}
        engine.listen(self._changed)
        # A key that was revoked is not to be believed until the next refresh.
        gossip.on_record = lambda: self._news.set()

    def everything(self) -> None:
        """The owner changed something: say it all again."""
        self._all = True
        self._news.set()

    def _changed(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if isinstance(row, Line):
                said = _said(row)
                if self._said.get(row.id) != said:
                    self._lines.add(row.id)
                    self._news.set()

    async def run(self) -> None:
        while True:
            with trio.move_on_after(REFRESH_US / 1e6) as refresh:
                await self._news.wait()
            self._news = trio.Event()
            await self._learn_records()
            self._say(everything=self._all or refresh.cancelled_caught)
            await trio.sleep(PAUSE_S)

    async def _learn_records(self) -> None:
        """Records that gossip brought: with them we can verify what those registries sign. And the
        next edition of the list that the owner follows."""
        writes = []
        followed = self._book.followed
        for advert in self._gossip.adverts:
            if isinstance(advert, RecordAdvert):
                writes += self._book.learn(advert.record)
            elif followed and isinstance(advert, RegistryList) and advert.replaces(followed):
                writes += self._book.follow(advert)
        if not self._book.review(self._clock.now_us()) and not writes:
            return
        try:
            await self._engine.write(writes)
        except StoreUnavailable:
            return  # the reload has brought back the book as the disk has it; next round again
        self._engine.use_settings(self._book.settings())
        self._all = True

    def _say(self, *, everything: bool) -> None:
        now_us = self._clock.now_us()
        expires_at_us = now_us + ADVERT_TTL_US
        self._gossip.forget_expired(now_us)
        known = self._engine.memory.lines()
        lines = [line for line in known if everything or line.id in self._lines]
        self._lines.clear()
        for line in lines:
            self._said[line.id] = _said(line)
        settings = self._engine.memory.settings

        def sequence() -> int:
            return self._gossip.sequence(now_us)

        adverts: list[NodeAdvert | RecordAdvert | RegistryList] = []
        if everything:
            self._all = False
            adverts.append(self._node_advert(sequence(), expires_at_us))
            adverts += [RecordAdvert(k.record) for k in self._book.registries.values()]
            adverts += [followed] if (followed := self._book.list_in_force) else []
        said = line_adverts(settings, lines, sequence, expires_at_us)
        self._gossip.say([*adverts, *said], now_us)

    def _node_advert(self, sequence: int, expires_at_us: int) -> NodeAdvert:
        settings = self._engine.memory.settings
        known = sorted(settings.known)[:MAX_ADVERT_REGISTRIES]
        followed = self._book.list_in_force
        # What stands on the list is not said again: that is what a shared list is for.
        own = settings.usable - (followed.registries if followed else frozenset())
        return NodeAdvert(
            node=settings.node,
            alias=self._config.alias,
            sequence=sequence,
            expires_at_us=expires_at_us,
            seal_key=self._identity.seal.public,
            seal_certificate=self._identity.seal_certificate,
            registries=frozenset(sorted(own)[:MAX_ADVERT_REGISTRIES]),
            knows_registries=frozenset(known),
            watches_registry=settings.watches_registry,
            hold_max_us=settings.hold_max_us,
            fees=settings.fees,
            registry_fees=settings.registry_fees,
            exchange=settings.exchange,
            address=self._config.public_address,
            registry_list=followed.id if followed else b"",
        )


def open_credit(line: Line) -> int:
    """What we let the neighbour owe us beyond what it owes: units that we would still lose to it.

    Without what is pending, so that it changes only where what we can promise changes as well: no
    advert is said for it alone. And so nobody learns a balance that both ends have not told.
    """
    if line.phase is not LinePhase.OPEN:
        return 0
    return min(MAX_AMOUNT, max(0, line.limit_in - line.balance))


def _said(line: Line) -> tuple[int, int, int]:
    return max(0, line.available_out), open_credit(line), line.phase


def line_adverts(
    settings: Settings, lines: Iterable[Line], sequence: Callable[[], int], expires_at_us: int
) -> list[LineAdvert]:
    """What we can still promise over each line. A closed line is said to be closed."""
    return [
        LineAdvert(
            promisor=settings.node,
            promisee=line.peer,
            brand=line.brand,
            sequence=sequence(),
            expires_at_us=expires_at_us,
            available=max(0, line.available_out),
            fees=settings.line_fees.get(line.id),
            registry_fees=settings.line_registry_fees.get(line.id),
            closed=line.phase is LinePhase.CLOSED,
            grants=open_credit(line),
        )
        for line in lines
        if line.phase in (LinePhase.OPEN, LinePhase.CLOSED)
    ]
