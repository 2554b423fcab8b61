"""The engine of one of several processes of a node: one group at a time, in its turn.

A group holds what it was made of. Where another process has changed something that it depends on,
it is undone, memory catches up, and the same things are applied again, in order: nobody outside
learns of it. Every group is durable before the next is begun, so that between two groups memory
is what the store said at one moment, and what neighbours are told never runs ahead of it.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import Final

import sqlalchemy
import trio
import trio.lowlevel

from node.archive import Archive
from node.core.events import Due
from node.core.rows import Key, Transaction
from node.engine import Engine
from node.engine_limits import MAX_BURST, MAX_FORGOTTEN
from node.group import Asked, AskThem, Group, Worked, row_writes, sign_sends
from node.links import Links
from node.shared.catching_up import CatchingUp
from node.shared.draft import NEWS, Draft, KeptTimers, Owned, Work
from node.shared.feed import Turn
from node.shared.keys import ADVERTS, OUTBOX, OWNER, changed_keys
from node.shared.memory import SharedMemory
from node.shared.posting import Posting
from node.shared.sharing import KEEPER, Lease, Sharing, end, lease_key, process_key, put_lease
from node.store import ROWS, outbox
from proto.keys import NodeId, SealKey, SigningKey
from runtime.clock import Clock
from runtime.faults import StoreFailed, StoreFault
from runtime.intake import MAX_MESSAGES_PER_S
from runtime.transport import (
    BatchArrived,
    GossipArrived,
    LinkCause,
    LinkDown,
    LinkEvent,
    LinkUp,
    Taken,
)
from runtime.write_plan import DeleteRows, Execute, Write
from runtime.writer import Writer

log = logging.getLogger(__name__)

LEAST_BURST: Final = 8  # items in a group that was overtaken again and again
MAX_TRIES: Final = 100  # of one group: a store that refuses it for another reason is read anew


class SharedEngine(Engine):
    """See node.engine.Engine; everything that is said there of memory and disk holds."""

    def __init__(
        self,
        key: SigningKey,
        seal: SealKey,
        memory: SharedMemory,
        links: Links,
        writer: Writer,
        clock: Clock,
        registries: AskThem,
        reload: Callable[[], None],
        sharing: Sharing,
        database: sqlalchemy.Engine,
        messages_per_s: int = MAX_MESSAGES_PER_S,
        archive: Archive | None = None,
    ) -> None:
        super().__init__(
            key, seal, memory, links, writer, clock, registries, reload, messages_per_s, archive
        )
        self._shared = memory
        self._sharing = sharing
        self._timers = self._kept = KeptTimers()
        self._catching_up = CatchingUp(
            memory, links, sharing, database, archive, self._watching, self._kept.plan
        )
        self._draft = Draft(Group())
        self._again: deque[Work] = deque()  # taken, and not yet in a group
        self._burst = MAX_BURST
        self._behind = False

    # ------------------------------------------------------------------ what others call

    def hear(self) -> None:
        """Somebody has written something."""
        if not self._behind:
            self._behind = True
            self._put(NEWS)

    async def write(self, writes: Sequence[Write]) -> None:
        """As Engine's. StoreUnavailable also where another process was asked to change the same:
        the owner looks again, and decides again."""
        epoch = self._catching_up.epoch
        await self._wait(lambda told: Owned(lambda g: g.writes.extend(writes), told, epoch))

    def take_lease(self, group: Group, name: bytes, *, up: bool = False) -> None:
        """With `work`: from the end of the group on the stream or the duty is ours."""
        assert group is self._draft.group
        taken = Lease(self._sharing.process, up)
        group.writes.append(Execute(partial(put_lease, name, taken)))
        self._draft.touched.add(lease_key(name))
        self._draft.leases[name] = taken

    def end_processes(self, group: Group, gone: Sequence[bytes]) -> None:
        """With `work`: these are no more, and what they had is free."""
        assert group is self._draft.group
        group.writes.append(Execute(partial(end, identities=gone)))
        self._draft.touched.update(map(process_key, gone))
        leases = self._sharing.leases.items()
        self._draft.touched.update(lease_key(n) for n, lease in leases if lease.process in gone)
        self._draft.freed = True

    def touch(self, group: Group, key: Key) -> None:
        """With `work`: what `group` executes changes this."""
        assert group is self._draft.group
        self._draft.touched.add(key)

    def link_event(self, event: LinkEvent, taken: Taken) -> None:
        if self._sharing.leaving:
            taken()
        else:
            super().link_event(event, taken)

    async def leave(self) -> None:
        """Hears nobody any more and gives everything back; others take it at once."""
        self._sharing.leaving = True
        for node in list(self.links.neighbours):
            self.links.drop(node, LinkCause.SHUTDOWN)
        for _ in self._intake.clear():
            pass  # said again to whoever takes the stream
        await self.work(partial(self.end_processes, gone=[self._sharing.process]))

    # ------------------------------------------------------------------ running

    async def run(self) -> None:
        self.start()
        while self._lives:
            if not self._again:
                await self._wait_for_work()
            if self._failed or (self._behind and not self._catch_up()):
                await self._recover()
                continue
            self.links.tell_owed(self._clock.monotonic_us())
            await self._turns(self._gather())
            await trio.lowlevel.checkpoint()
        await trio.sleep_forever()

    @property
    def _lives(self) -> bool:
        """Whether the others know us: what we did is theirs once they do not."""
        return not self._sharing.expelled.is_set()

    def _gather(self) -> list[Work]:
        work, self._again = list(self._again), deque()
        while self._queue and len(work) < MAX_BURST:
            item = self._queue.popleft()
            if item is not NEWS:
                work.append(item)
        if self._sharing.leaving:
            return work
        room = MAX_BURST - len(work)
        while room > 0 and (event := self._intake.take()) is not None:
            assert not isinstance(event, GossipArrived)
            work.append(event)
            room -= len(event.envelopes) if isinstance(event, BatchArrived) else 1
        now_us = self._clock.now_us()
        while len(work) < 2 * MAX_BURST and (key := self._timers.take(now_us)) is not None:
            work.append(partial(Due, key=key))
        return work

    async def _turns(self, work: list[Work]) -> None:
        """One group of the work, as often as it takes; what did not fit in is kept."""
        tries = 0
        while self._lives and (work or len(self._forget) >= MAX_FORGOTTEN):
            draft = self._form(work)
            failure = await self._write_turn(draft)
            if failure is None:
                self._again.extend(work[draft.taken :])
                self._burst = min(2 * self._burst, MAX_BURST)
                return
            tries += 1
            overtaken = failure.kind is StoreFault.STALE_VERSION and tries < MAX_TRIES
            if not overtaken or not self._undo(draft):
                for told in draft.group.told:
                    told(failure)
                self._again.extend([*draft.ups, *work[draft.taken :]])
                await self._recover()
                return
            # A smaller one is sooner done than whatever overtakes it.
            self._burst = max(LEAST_BURST, draft.taken // 2)

    def _form(self, work: list[Work]) -> Draft:
        draft = self._draft = Draft(Group())
        self._shared.read.clear()
        for item in islice(work, self._burst):
            self._take(item, draft.group)
            draft.taken += 1
            if draft.group.alone:
                break
        draft.read = frozenset(self._shared.read)
        return draft

    def _take(self, item: Work, group: Group) -> None:
        match item:
            case LinkUp():
                # Its stream is ours before a word of it is heard: the others hear no other.
                self.take_lease(group, item.peer, up=True)
                self._draft.ups.append(item)
                group.alone = True
            case LinkDown():
                super()._take(item, group)
                neighbour = self.links.neighbours.get(item.peer)
                if neighbour and neighbour.link is None and self._sharing.holds(item.peer):
                    self.take_lease(group, item.peer, up=False)
            case Owned() if item.epoch != self._catching_up.epoch:
                item.told(StoreFailed(StoreFault.STALE_VERSION))
            case _:
                super()._take(item, group)

    # ------------------------------------------------------------------ committing

    async def _write_turn(self, draft: Draft) -> StoreFailed | None:
        group = draft.group
        draft.envelopes = sign_sends(self._key, group.sends)
        draft.forgotten, self._forget = self._forget, []
        writes = [*group.writes, *row_writes(self.memory, group.rows)]
        if draft.forgotten:
            writes.append(DeleteRows(outbox, draft.forgotten))
        draft.changed = frozenset(changed_keys(writes))
        posting = Posting(group.have, draft.envelopes)
        keys = draft.changed | draft.touched | {(OUTBOX, n, b"") for n in draft.envelopes}
        turn = None
        if keys or draft.read or group.have:
            turn = Turn(self._sharing.process, self._sharing.seen, self._depends(draft), keys)
            writes = [Execute(turn.take), *writes]
        if posting:
            writes.append(Execute(posting.run))
        failure = await self._commit_now(writes) if writes else None
        if failure is None:
            self._finish(draft, turn, posting)
        return failure

    def _depends(self, draft: Draft) -> frozenset[Key]:
        """What nobody else may have changed. Numbers and the archive are no part of it: those are
        given in the turn, and this has one keeper."""
        own = {key for key in draft.changed if key[0] in ROWS or key == OWNER}
        leases = {lease_key(node) for node in draft.group.have} | (draft.touched - {ADVERTS})
        return draft.read | own | leases | {process_key(self._sharing.process)}

    async def _commit_now(self, writes: Sequence[Write]) -> StoreFailed | None:
        over = trio.Event()
        failures: list[StoreFailed] = []

        def failed(failure: StoreFailed) -> None:
            failures.append(failure)
            over.set()

        self._writer.put(writes, over.set, failed)
        await over.wait()
        return failures[0] if failures else None

    def _finish(self, draft: Draft, turn: Turn | None, posting: Posting) -> None:
        """After COMMIT. A crash before this line leaves the outbox to whoever has the stream."""
        group = draft.group
        adopt = self._newly_held(draft)
        self._sharing.leases.update(draft.leases)
        followed = turn is None or (turn.followed and not adopt and not draft.freed)
        if turn is not None and followed:
            self._sharing.seen = turn.seq
        # What others did meanwhile comes first: a stream that is not ours any more says nothing.
        if not followed and not self._catch_up(adopt=adopt):
            self._failed = True
        else:
            for node in {**group.have, **draft.envelopes}:
                self._posted(node, draft, posting, followed=followed)
        for effect in group.asks:
            row = self.memory.row((Transaction.table, effect.commit, b""))
            if isinstance(row, Transaction):
                self._registries.ask(effect, row.descriptor)
        for errand in group.errands:
            self.perform(errand)
        for told, refusal in group.answers:
            told(refusal)
        self._watching.tell(group.rows)
        for event in draft.ups:
            if self._failed or not self._sharing.holds(event.peer):
                self.links.refuse(event, LinkCause.LOST)
            else:
                super()._take(event, group)

    def _newly_held(self, draft: Draft) -> list[NodeId]:
        return [
            NodeId(name)
            for name, lease in draft.leases.items()
            if name in self.links.neighbours and (lease.up or not self._sharing.holds(name))
        ]

    def _posted(self, node: NodeId, draft: Draft, posting: Posting, *, followed: bool) -> None:
        neighbour = self.links.neighbours[node]
        have = draft.group.have.get(node, neighbour.have)
        if self._sharing.holds(node):
            # Where others wrote meanwhile, catching up has brought these messages with theirs.
            self.links.durable(node, draft.envelopes.get(node, ()) if followed else (), have)
        elif node in posting.last:
            neighbour.sent = max(neighbour.sent, posting.last[node])
        neighbour.given = neighbour.sent

    # ------------------------------------------------------------------ when others wrote

    def _undo(self, draft: Draft) -> bool:
        """Memory is what the store says, with what others did; whether it could be read."""
        self._writer.resume()
        self._forget = [*draft.forgotten, *self._forget]
        for node in draft.group.have:
            neighbour = self.links.neighbours[node]
            neighbour.seen = neighbour.have
        return self._catch_up(draft.changed)

    def _catch_up(self, undone: Iterable[Key] = (), adopt: Sequence[NodeId] = ()) -> bool:
        self._behind = False
        return self._catching_up.run(undone, adopt)

    def loaded(self, connection: sqlalchemy.Connection) -> None:
        """Memory has just been read as a whole, on this connection."""
        self._catching_up.load(connection)

    def keep(self) -> None:
        """What waits for a time is looked at by this process, if that has become its duty."""
        if self._sharing.holds(KEEPER) and not self._kept.kept:
            self._kept.kept = True
            self._timers.load(self.memory.rows.values())
            self._sharing.keeping.set()

    async def _recover(self) -> None:
        wishes = []
        for item in self._again:
            if isinstance(item, LinkUp):
                self.links.refuse(item, LinkCause.LOST)
            elif isinstance(item, Asked | Worked):
                wishes.append(item)
        self._again.clear()
        self._queue.extendleft(reversed(wishes))
        await super()._recover()
        self._behind = False
        self._catching_up.epoch += 1
        self._put(Worked(self._show_streams, lambda _: None))

    def _show_streams(self, group: Group) -> None:
        """The ends of some may not have been heard; the others go by what the leases say."""
        for node, neighbour in self.links.neighbours.items():
            if self._sharing.holds(node) and neighbour.link is None:
                self.take_lease(group, node, up=False)
