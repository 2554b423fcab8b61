"""The one writer of a node's state: events in, durable changes, then effects.

It takes whatever is waiting, applies it, signs all outgoing messages of the group with one
signature, hands changes and messages to the writer as one transaction, and lets the effects go
after COMMIT. No timer: a group is what queued up while the one before was on its way.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import trio

from node.archive import Archive
from node.core.apply import Applied, apply
from node.core.effects import Answer, PeerFault
from node.core.events import Due, Event, FromPeer
from node.core.rows import Transaction
from node.core.view import Settings
from node.engine_limits import (
    MAX_BURST,
    MAX_FORGOTTEN,
    MAX_GROUPS_AHEAD,
    MAX_QUEUE,
    MAX_ROWS_AT_ONCE,
    MAX_SLEEP_S,
)
from node.group import Asked, AskThem, Errand, Group, Item, Told, Worked, group_writes, sign_sends
from node.inbound import open_message
from node.links import Links
from node.loading import load_patiently
from node.memory import Memory
from node.recall import recall
from node.store import outbox
from node.timers import Timers
from node.watching import Reply, StoreUnavailable, Watching
from proto.keys import NodeId, SealKey, SigningKey
from proto.limits import US
from proto.reason import Refusal
from proto.wire import WireFault
from runtime.clock import Clock
from runtime.intake import MAX_MESSAGES_PER_S, Intake
from runtime.transport import (
    BatchArrived,
    GossipArrived,
    LinkCause,
    LinkDown,
    LinkEvent,
    LinkUp,
    Taken,
)
from runtime.write_plan import DeleteRows, Write
from runtime.writer import StoreFailed, Writer

__all__ = ["Engine", "StoreUnavailable"]

log = logging.getLogger(__name__)


class Engine:
    """Owned by the trio task that runs `run`; every other method is called on trio too."""

    _decide = staticmethod(apply)

    def __init__(
        self,
        key: SigningKey,
        seal: SealKey,
        memory: Memory,
        links: Links,
        writer: Writer,
        clock: Clock,
        registries: AskThem,
        reload: Callable[[], None],
        messages_per_s: int = MAX_MESSAGES_PER_S,
        archive: Archive | None = None,
    ) -> None:
        """`messages_per_s`: of one neighbour, in the long run. It waits beyond that."""
        self.memory = memory
        self.links = links
        self._intake = Intake(clock, messages_per_s)
        self._key = key
        self._seal = seal
        self._writer = writer
        self._clock = clock
        self._registries = registries
        self._reload = reload
        self._archive = archive
        self._queue: deque[Item] = deque()
        self._wake = trio.Event()
        self._timers = Timers()
        self._watching = Watching()
        self.listen, self.next_change = self._watching.listen, self._watching.next_change
        # Until somebody takes them up; what was not done is done when its row is next due.
        self.perform: Callable[[Errand], None] = lambda _: None
        self._forget: list[dict[str, Any]] = []
        self._in_flight = 0
        self._failed = False
        self._settled = trio.Event()

    # ------------------------------------------------------------------ what others call

    def submit(self, make: Callable[[int], Event]) -> None:
        """Queues an event; `make` gets the time at which it is applied."""
        self._put(make)

    async def ask(self, *makes: Callable[[int], Event]) -> Refusal | None:
        """Events of the owner, up to the first that is refused: its answer, after the changes are
        durable, all in one transaction.

        Raises StoreUnavailable where the disk refused; nothing happened then.
        """
        return await self._wait(lambda told: Asked(makes, told))

    async def write(self, writes: Sequence[Write]) -> None:
        """Writes rows of other tables in the same order as everything else."""
        await self.work(lambda group: group.writes.extend(writes))

    async def work(self, act: Callable[[Group], None]) -> None:
        """Does something between two events; what it adds to the group is durable afterwards."""
        await self._wait(lambda told: Worked(act, told))

    async def durable(self) -> None:
        """Returns once everything that memory shows now is on disk; StoreUnavailable if it is not.

        Memory runs a group ahead. Whoever tells somebody what it read there waits here first: a
        crash must not take back what the owner was told.
        """
        await self.work(lambda _: None)

    @property
    def is_ahead(self) -> bool:
        """Whether memory may show what is not on disk, and what a crash would take back."""
        return self._failed or self._in_flight > 0

    def link_event(self, event: LinkEvent, taken: Taken) -> None:
        """What a neighbour's stream says, adverts apart. `taken`: its stream may be read on."""
        self._intake.put(event, taken)
        self._wake.set()

    @property
    def backlog(self) -> int:
        return len(self._queue)

    # ------------------------------------------------------------------ running

    def start(self) -> None:
        """Takes the timers from the rows: recovery is nothing else."""
        self._timers.load(self.memory.rows.values())

    async def run(self) -> None:
        self.start()
        while True:
            await self._wait_for_work()
            if self._failed:
                await self._recover()
                continue
            group = Group()
            for _ in range(min(len(self._queue), MAX_BURST)):
                self._take(self._queue.popleft(), group)
                if group.alone:
                    break
            else:
                self._take_arrivals(group)
                self._take_due(group)
            self.links.tell_owed(self._clock.monotonic_us())
            if not group.empty or len(self._forget) >= MAX_FORGOTTEN:
                self._commit(group)
            while group.alone and self._in_flight:
                await self._settle()
            await trio.lowlevel.checkpoint()

    async def _wait_for_work(self) -> None:
        while self._in_flight >= MAX_GROUPS_AHEAD and not self._failed:
            await self._settle()
        while not self._failed and not self._queue and (arrival_us := self._intake.wait_us()) != 0:
            self._wake = trio.Event()
            timeout_s = float("inf") if arrival_us is None else arrival_us / US
            if (due_us := self._timers.next_us) is not None:
                due_s = max(0, due_us - self._clock.now_us()) / US
                timeout_s = min(timeout_s, due_s, MAX_SLEEP_S)
            if (owed_us := self.links.tell_owed(self._clock.monotonic_us())) is not None:
                timeout_s = min(timeout_s, owed_us / US)
            with trio.move_on_after(timeout_s):
                await self._wake.wait()
            if self._failed or (due_us is not None and due_us <= self._clock.now_us()):
                return

    async def _settle(self) -> None:
        self._settled = trio.Event()
        await self._settled.wait()

    def _put(self, item: Item) -> None:
        self._queue.append(item)
        self._wake.set()

    async def _wait(self, item: Callable[[Told], Item]) -> Refusal | None:
        if len(self._queue) >= MAX_QUEUE:
            raise StoreUnavailable
        reply = Reply()
        self._put(item(reply.told))
        return await reply.wait()

    # ------------------------------------------------------------------ applying

    def _take_arrivals(self, group: Group) -> None:
        """One batch of each neighbour in turn, until the group is full."""
        room = MAX_BURST
        while room > 0 and (event := self._intake.take()) is not None:
            assert not isinstance(event, GossipArrived)
            self._take(event, group)
            room -= len(event.envelopes) if isinstance(event, BatchArrived) else 1

    def _take(self, item: Item | BatchArrived | LinkUp | LinkDown, group: Group) -> None:
        now_us = self._clock.now_us()
        match item:
            case BatchArrived():
                self._take_batch(item, group)
            case LinkUp():
                self._delete_sent(item.peer, self.links.up(item))
                neighbour = self.links.neighbours.get(item.peer)
                if neighbour is not None and neighbour.link is not None:
                    self.memory.links.add(item.peer)
                    self.links.pump(item.peer)
            case LinkDown():
                if self.links.down(item.peer, item.link):
                    self.memory.links.discard(item.peer)
            case Asked(makes, told):
                self._take_wishes([make(now_us) for make in makes], told, group)
            case Worked(act, told):
                group.told.append(told)
                act(group)
                group.answers.append((told, None))
            case _:
                self._apply(item(now_us), group)

    def _take_batch(self, event: BatchArrived, group: Group) -> None:
        neighbour = self.links.neighbours.get(event.peer)
        if neighbour is None or neighbour.link != event.link:
            return
        acknowledged = self.links.acknowledge(event)
        if acknowledged is None:
            self._disconnect(event.peer, LinkCause.BAD_NUMBER, "acknowledges what was not sent")
            return
        self._delete_sent(event.peer, acknowledged)
        if self.links.is_deaf(event.peer):
            self.memory.links.discard(event.peer)
            return
        if event.envelopes and event.first > neighbour.seen + 1:
            self._disconnect(event.peer, LinkCause.BAD_NUMBER, "leaves out messages")
            return
        for number, envelope in enumerate(event.envelopes, event.first):
            if number <= neighbour.seen:
                continue  # repeated after a reconnect: processed once already
            if not self._take_message(event.peer, envelope, group):
                return
            neighbour.seen = number
            group.have[event.peer] = number
        self.links.pump(event.peer)

    def _take_message(self, sender: NodeId, envelope: bytes, group: Group) -> bool:
        try:
            body, opened = open_message(envelope, sender, self._key.node_id, self._seal)
        except WireFault as fault:
            self._disconnect(sender, LinkCause.BAD_MESSAGE, str(fault))
            return False
        event = FromPeer(self._clock.now_us(), sender, body, envelope, opened)
        try:
            recall(self._archive, self.memory, event, group)
        except StoreFailed:
            # It says so again on its next link, and the disk may answer by then.
            self._disconnect(sender, LinkCause.LOST, "speaks of what cannot be read")
            return False
        applied = self._apply(event, group)
        for effect in applied.effects:
            if isinstance(effect, PeerFault):
                self._disconnect(sender, LinkCause.BAD_MESSAGE, effect.cause)
                return False
        return True

    def _disconnect(self, sender: NodeId, cause: LinkCause, why: str) -> None:
        neighbour = self.links.neighbours[sender]
        log.warning("%s (%s) %s: disconnected", neighbour.alias, sender.hex()[:8], why)
        self.links.drop(sender, cause)
        self.memory.links.discard(sender)

    def _apply(self, event: Event, group: Group) -> Applied:
        applied = self._decide(self.memory, event)
        for row in applied.changes:
            self.memory.put(row)
            group.rows[row.key] = row
            self._timers.plan(row)
        for effect in applied.effects:
            group.take(effect)
        return applied

    def _take_wishes(self, events: list[Event], told: Told, group: Group) -> None:
        """Of the owner: up to the first that is refused."""
        try:
            for event in events:
                recall(self._archive, self.memory, event, group)
        except StoreFailed as failure:
            told(failure)
            return
        group.told.append(told)
        refusals = (self._refusal(event, group) for event in events)
        group.answers.append((told, next(filter(None, refusals), None)))

    def _refusal(self, event: Event, group: Group) -> Refusal | None:
        effects = self._apply(event, group).effects
        return next((e.refusal for e in effects if isinstance(e, Answer)), None)

    def _take_due(self, group: Group) -> None:
        now_us = self._clock.now_us()
        for _ in range(MAX_BURST):
            key = self._timers.take(now_us)
            if key is None:
                return
            self._apply(Due(now_us, key), group)

    # ------------------------------------------------------------------ committing

    def _commit(self, group: Group) -> None:
        envelopes = sign_sends(self._key, group.sends)
        writes = group_writes(self.memory, self.links, group, envelopes)
        if self._forget:
            writes.append(DeleteRows(outbox, self._forget))
            self._forget = []
        alone = (
            len(group.rows) <= MAX_ROWS_AT_ONCE
            and not self._queue
            and self._intake.wait_us() is None
        )
        self._in_flight += 1
        done = partial(self._committed, group, envelopes)
        if not writes and self._in_flight == 1:
            done()  # all that memory shows is on disk already
            return
        put = self._writer.put_now if alone else self._writer.put
        put(writes, done, partial(self._rolled_back, group))

    def _delete_sent(self, node: NodeId, rows: list[int] | None) -> None:
        self._forget.extend({"peer": node, "first": first} for first in rows or ())

    def _committed(self, group: Group, envelopes: dict[NodeId, list[bytes]]) -> None:
        """After COMMIT. A crash before this line leaves the outbox to be drained at start."""
        self._in_flight -= 1
        self._settled.set()
        for node, have in group.have.items():
            if self.links.durable(node, envelopes.get(node, []), have):
                self._wake.set()  # to say so by itself, unless something else is said soon
        for effect in group.asks:
            row = self.memory.row((Transaction.table, effect.commit, b""))
            assert isinstance(row, Transaction)
            self._registries.ask(effect, row.descriptor)
        for errand in group.errands:
            self.perform(errand)
        for told, refusal in group.answers:
            told(refusal)
        self._watching.tell(group.rows)

    def _rolled_back(self, group: Group, failure: StoreFailed) -> None:
        """Nothing of the group is on disk, and nothing of it has left."""
        self._in_flight -= 1
        self._failed = True
        for told in group.told:
            told(failure)
        self._settled.set()
        self._wake.set()

    async def _recover(self) -> None:
        """Forgets what ran ahead of the disk, reloads, and goes on as after a start.

        Streams end, so that neighbours send again what we never acknowledged.
        """
        while self._in_flight:
            await self._settle()
        log.error("the store refused a group; reloading, then trying again")
        for node in list(self.links.neighbours):
            self.links.drop(node, LinkCause.LOST)
        self.memory.links.clear()
        for event in self._intake.clear():
            if isinstance(event, LinkUp):
                self.links.refuse(event, LinkCause.LOST)
        waiting = [item for item in self._queue if isinstance(item, Asked | Worked)]
        self._queue.clear()
        self._forget.clear()
        await load_patiently(self._reload)
        self._writer.resume()
        self._failed = False
        self._queue.extend(waiting)
        self.start()
        self._watching.tell_reloaded()

    def use_settings(self, settings: Settings) -> None:
        """From the next event on. The caller has made them durable."""
        self.memory.settings = settings
