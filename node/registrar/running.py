"""A registrar that runs: its books, its desk, its service, and what it does by itself.

It asks the registries about legs and pools whose decision must be final by now, so that nothing
stays locked because nobody came with the certificate; it ends votes, and pools that were never
filled; and it forgets answers that are too old to be asked again.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import trio

from node.registrar.books import Books, open_books
from node.registrar.court import Evidence
from node.registrar.desk import Desk, claims
from node.registrar.pool_course import tend
from node.registrar.pool_rows import Pool
from node.registrar.pool_votes import forget_agent
from node.registrar.reader import Reader
from node.registrar.rows import Leg
from node.registrar.service import Changes, RegistrarService
from node.registrar.step import Refused, Step
from proto.certificate import Certificate
from proto.keys import SigningKey
from proto.limits import US
from runtime.away import run_away
from runtime.clock import Clock
from runtime.faults import StoreFailed
from runtime.rpc import Service

log = logging.getLogger(__name__)

ASK_EVERY_S: Final = 1.0  # after a leg's decision must be final, its giver waits for us
ASK_AT_ONCE: Final = 16  # transactions asked about side by side: an absent registry holds up few
AWAY_AT_MOST_S: Final = 300.0  # between two questions about one leg that nobody answers
TEND_AT_ONCE: Final = 64  # pools in one transaction: batches wait for it
PRUNE_EVERY_S: Final = 3600.0

Ask = Callable[[bytes], Awaitable[Certificate | None]]
"""Asks the registries of a descriptor; None where they have no final answer yet."""


async def nobody_to_ask(_: bytes) -> Certificate | None:
    """Where there is no way to the registries."""
    return None


@dataclass(frozen=True, slots=True)
class Registrar:
    """What the daemon needs of it: a service to offer, a desk for the owner's verbs, a reader."""

    service: Service
    desk: Desk
    reader: Reader
    place: str


@asynccontextmanager
async def open_registrar(
    place: Path | str,
    key: SigningKey,
    clock: Clock,
    evidence: Callable[[], Evidence],
    ask: Ask = nobody_to_ask,
    claimed: Callable[[Sequence[Leg]], None] | None = None,
    pools_claimed: Callable[[Sequence[Pool]], None] | None = None,
) -> AsyncIterator[Registrar]:
    """Runs a registrar around a block.

    `place`: the file of its database, or the URL of a PostgreSQL. `evidence`: records and late
    rules of the registries, asked on trio for each group of batches. `claimed` and
    `pools_claimed` hear of what the operator has to see to. StoreUnusable.
    """
    with open_books(place) as store:
        books = Books(store)
        reader, changes = Reader(store.engine), Changes()

        def told(legs: Sequence[Leg]) -> None:
            changes.told(legs)
            if claimed is not None and (found := claims(legs)):
                claimed(found)

        desk = Desk(books, key, clock, evidence, told, pools_claimed)
        service = RegistrarService(desk, reader, key.node_id, clock, changes)
        chaser = Chaser(desk, reader, clock, ask)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(desk.run)
                nursery.start_soon(chaser.run)
                nursery.start_soon(_prune, desk, reader, clock)
                yield Registrar(service.methods(), desk, reader, store.place)
                nursery.cancel_scope.cancel()
        finally:
            books.close()


class Chaser:
    """Asks about decisions that must be final, less and less often where nobody answers; and sees
    to pools whose time has come."""

    def __init__(self, desk: Desk, reader: Reader, clock: Clock, ask: Ask) -> None:
        self._desk = desk
        self._reader = reader
        self._clock = clock
        self._ask = ask
        self._next_us: dict[bytes, tuple[int, int]] = {}  # when, and the pause after that

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await trio.sleep(ASK_EVERY_S)
            await self.once()

    async def once(self) -> None:
        """One round over all that is due."""
        now_us = self._clock.now_us()
        try:
            wanted = await run_away(self._due, now_us)
            await self._tend(now_us)
        except StoreFailed as failed:
            log.warning("the books cannot be read: %s", failed)
            return
        self._next_us = {c: when for c, when in self._next_us.items() if c in wanted}
        limit = trio.CapacityLimiter(ASK_AT_ONCE)
        async with trio.open_nursery() as nursery:
            for commit, descriptor in wanted.items():
                at_us, pause_us = self._next_us.get(commit, (0, US))
                if at_us <= now_us:
                    longer_us = min(2 * pause_us, int(AWAY_AT_MOST_S * US))
                    self._next_us[commit] = (now_us + pause_us, longer_us)
                    nursery.start_soon(self._one, descriptor, limit)

    def _due(self, now_us: int) -> dict[bytes, bytes]:
        return self._reader.due(now_us) | self._reader.pools.due(now_us)

    async def _tend(self, now_us: int) -> None:
        """What time alone brings to pools: votes end, rooms are given back."""
        ripe = await run_away(self._reader.pools.ripe, now_us, TEND_AT_ONCE)

        def all_of_them(step: Step) -> None:
            for pool in ripe:
                tend(step, pool)

        if ripe:
            await self._desk.act(all_of_them)

    async def _one(self, descriptor: bytes, limit: trio.CapacityLimiter) -> None:
        async with limit:
            certificate = await self._ask(descriptor)
        if certificate is None:
            return
        try:
            await self._desk.settle(certificate)
        except Refused as no:
            log.warning("a certificate of the registries proves nothing: %s", no)
        except StoreFailed as failed:
            log.warning("a decision waits for the books: %s", failed)


async def _prune(desk: Desk, reader: Reader, clock: Clock) -> None:
    while True:
        await trio.sleep(PRUNE_EVERY_S)
        try:
            await desk.prune()
            gone = await run_away(reader.pools.expired_agents, clock.now_us())
            for agent in gone:
                await desk.act(partial(forget_agent, agent=agent))
        except StoreFailed as failed:
            log.warning("old answers stay: %s", failed)
