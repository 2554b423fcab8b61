"""The write-once store of decisions and their logs (registry sections 5.1–5.4).

Insert, then believe the database: a row that is there already wins, whoever wrote it. A decision
and its place in the log are one transaction, so whatever can be read here is decided for ever;
where standbys keep the books too, it may be signed once a later write has been acknowledged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError

from proto.descriptor import transaction_uuid
from proto.limits import US
from proto.log_leaf import FenceLeaf
from proto.merkle import leaf_hash
from proto.shard import shard_end_us, shard_of
from registry.log import Fence, Logged, Row
from registry.store_opening import open_ledger
from registry.store_postgresql import Doubt, touch
from registry.store_reader import LedgerReader
from registry.store_statements import Entry, Key
from registry.tables import (
    CLOCK_MARK,
    CLOSED_THROUGH,
    FENCE,
    INDEXED,
    SETTLED,
    identity,
    log_entry,
    meta,
    position_of,
)
from runtime.faults import StoreLocked
from runtime.store import IMMEDIATE, StoreUnusable

__all__ = ["INDEX_STEP", "Closed", "Key", "Ledger", "LedgerReader", "Stale", "open_ledger"]

# A process that stood still between clock and row would log a decision that others, and witnesses,
# have not seen in time (E6). Far above two clocks' errors, far below MMD/2.
STALE_US: Final = 5 * US
INDEX_STEP: Final = 512  # log entries indexed at a time: decisions wait at most that long


_RAISE: Final = (
    update(meta)
    .where(meta.c.name == bindparam("named"), meta.c.value < bindparam("to"))
    .values(value=bindparam("to"))
)


class Closed(Exception):
    """Nothing was written: another process has set a fence that the caller did not know of."""


class Stale(Exception):
    """Nothing was written: others have decided much later than by the clock reading at hand."""


class Ledger(LedgerReader):
    """The one connection of this process that writes.

    What it remembers of the database holds for this connection alone: after a failure that left
    open what was written, a new Ledger is made.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.execution_options(**IMMEDIATE))
        self._doubt = Doubt(connection) if self._statements.shared else None
        self._keys: tuple[bytes, ...] = ()  # leaves that every shard begins with
        self._settled: dict[int, int] = {}  # log entries, by shard, that every standby has
        self._told: dict[int, int] = {}  # what of it stands in `meta`

    # ------------------------------------------------------------------ decisions

    def decide(self, rows: Sequence[Row], mark_us: int) -> dict[Key, Logged]:
        """Inserts what is not decided yet and returns what is now decided about those keys.

        `rows` have distinct keys. Durable when it returns, on the standbys too: decisions, their
        log entries and the clock's mark are one transaction. Closed: a fence came first; Stale:
        `mark_us`, the time by which they were judged, is over.
        DBAPIError: nothing was written, or, where the connection broke, nobody knows.
        """
        ordered = sorted(rows, key=lambda row: row.key)  # two writers cannot deadlock
        with self._writing():
            inserted = self._statements.insert_decisions(self._connection, ordered)
            # Others insert beside us up to here; the log has one writer at a time.
            self._statements.take_lease(self._connection)
            theirs: dict[Key, Logged] = {}
            if inserted != len(ordered):
                # Somebody was first: theirs is the decision. It has its log entry, ours not yet.
                theirs = self.find(row.key for row in ordered)
            mine = [row for row in ordered if row.key not in theirs]
            assert len(mine) == inserted, (len(mine), inserted)
            if mine and mine[0].leaf.deadline_us <= self._number(CLOSED_THROUGH):
                raise Closed
            if self.shared and mine and self.mark_us() > mark_us + STALE_US:
                raise Stale
            placed = self._log(mine)
            self._raise_mark(mark_us)
            self._tell_settled()
            if mine:
                self._statements.announce(self._connection)
            ends = {logged.shard: logged.index + 1 for logged in placed}
            # Crash here: nothing happened. Nothing was signed, the client asks again.
        # Crash here: decided for ever and logged; whoever asks next receives it.
        self._settled |= ends
        self.settle(theirs.values())
        return theirs | {logged.row.key: logged for logged in placed}

    def settle(self, found: Iterable[Logged | Fence]) -> None:
        """Returns once nothing of what was found can be lost with this server.

        What is visible in PostgreSQL may wait for its standby still, or have been given up waiting
        for; a write that is acknowledged now carries everything before it along.
        """
        if not all(self.is_settled(x) for x in found):
            self._settle_all()

    def is_settled(self, found: Logged | Fence) -> bool:
        """Whether it may be told without another write."""
        return not self.shared or found.index < self._settled.get(found.shard, 0)

    @property
    def settled(self) -> dict[int, int]:
        """How many entries of each shard's log this process may have told of."""
        return dict(self._settled)

    def require_kept(self, settled: Mapping[int, int]) -> None:
        """StoreUnusable where entries are gone that were settled before the connection broke."""
        ends = self.ends()
        for shard, end in sorted(settled.items()):
            if ends.get(shard, 0) < end:
                raise StoreUnusable(
                    f"the database: has {ends.get(shard, 0)} entries of log {shard}, and had {end}"
                    " before the connection to it broke: a standby that lacks decisions was"
                    " promoted, or an old copy was restored, and must not decide"
                )

    def _settle_all(self) -> None:
        ends = self.ends()
        if self.shared and any(end > self._settled.get(s, 0) for s, end in ends.items()):
            with self._writing():
                touch(self._connection)
        self._settled = ends

    def _log(self, rows: Sequence[Row]) -> list[Logged]:
        ends: dict[int, int] = {}
        entries: list[Entry] = []
        placed: list[Logged] = []
        for row in rows:
            shard = shard_of(row.leaf.deadline_us)
            if shard not in ends:
                ends[shard] = self._begun(shard)
            logged = Logged(row, ends[shard], shard)
            ends[shard] += 1
            placed.append(logged)
            entries.append((position_of(shard, logged.index), row.key, leaf_hash(row.data), None))
        self._statements.insert_entries(self._connection, entries)
        return placed

    # ------------------------------------------------------------------ keys and fences

    def certify(self, keys: Sequence[bytes], now_us: int) -> None:
        """Logs these KEY leaves in every open shard, unless they are there, that of now included.

        Shards that begin later begin with them: whoever replays a log finds a key before its use.
        """
        self._keys = tuple(keys)
        with self._writing():
            self._statements.take_lease(self._connection)
            for shard in self._open_shards(now_us):
                self._begun(shard)
                for leaf in self._keys:
                    if not self._has_leaf(shard, leaf):
                        self._append(shard, self._end(shard), [leaf])

    def close_through(self, closed_through_us: int, now_us: int) -> None:
        """Raises the fence and logs it in every open shard; it never falls. Durable on return.

        A shard in which everything is closed now gets this one as its last.
        """
        with self._writing():
            self._statements.take_lease(self._connection)
            if closed_through_us <= self._number(CLOSED_THROUGH):
                return
            shards = self._open_shards(now_us)  # by the old fence
            leaf = FenceLeaf(closed_through_us).encode()
            for shard in shards:
                end = self._begun(shard)
                self._append(shard, end, [leaf])
                self._put(f"{FENCE}{shard}", end)
            self._put(CLOSED_THROUGH, closed_through_us)
            # Crash here: no fence. Crash after it: it holds, whoever answers next knows of it.

    def _open_shards(self, now_us: int) -> list[int]:
        closed_us = self._number(CLOSED_THROUGH)
        known = {shard for shard in self.shards() if shard and shard_end_us(shard) - 1 > closed_us}
        return sorted(known | {shard_of(now_us)})

    def _begun(self, shard: int) -> int:
        """The index of the next entry; a shard that has none gets its first ones."""
        end = self._end(shard)
        if end:
            return end
        fences = self.fences()
        newest = max(fences, key=lambda fence: fence.closed_through_us, default=None)
        leaves = [*self._keys, *([newest.data] if newest else [])]
        self._append(shard, 0, leaves)
        # Made here, where only one process is: later on they are raised side by side.
        self._put(f"{INDEXED}{shard}", 0)
        self._put(f"{SETTLED}{shard}", 0)
        if newest:
            self._put(f"{FENCE}{shard}", len(leaves) - 1)
        return len(leaves)

    def _append(self, shard: int, index: int, leaves: Sequence[bytes]) -> None:
        entries: list[Entry] = [
            (position_of(shard, index + i), None, leaf_hash(leaf), leaf)
            for i, leaf in enumerate(leaves)
        ]
        self._statements.insert_entries(self._connection, entries)

    def _has_leaf(self, shard: int, leaf: bytes) -> bool:
        there = select(log_entry.c.position).where(
            log_entry.c.deadline_us.is_(None),
            log_entry.c.leaf_hash == leaf_hash(leaf),
            log_entry.c.position >= position_of(shard, 0),
            log_entry.c.position < position_of(shard + 1, 0),
        )
        return self._connection.scalar(there.limit(1)) is not None

    # ------------------------------------------------------------------ behind the decisions

    def index_archive(self) -> int:
        """Indexes the next INDEX_STEP log entries; returns how many are still to do."""
        if not self.unindexed():
            return 0
        self._settle_all()  # the archive tells what is indexed without asking us
        left, room = 0, INDEX_STEP
        with self._writing():
            for shard, end in self._settled.items():
                start = self._number(f"{INDEXED}{shard}")
                done = min(end, start + room)
                if done > start:
                    self._index(shard, start, done)
                room -= done - start
                left += end - done
            self._tell_settled()
        return left

    def _index(self, shard: int, start: int, end: int) -> None:
        rows = [(transaction_uuid(c).bytes, d, c) for d, c in self.keys(shard, start, end)]
        self._statements.index(self._connection, rows)
        # Not below: another process may have been here meanwhile.
        self._connection.execute(_RAISE, {"named": f"{INDEXED}{shard}", "to": end})

    def raise_mark(self, mark_us: int) -> None:
        """Persists the clock's mark; it never falls.

        What another process logged before it died is settled by it as well, and published.
        """
        ends = self.ends() if self.shared else {}
        with self._writing():
            self._raise_mark(mark_us)
            if self.shared:
                touch(self._connection)  # the others may have raised it, and then we wrote nothing
            self._tell_settled()
        self._settled |= ends

    def _raise_mark(self, mark_us: int) -> None:
        self._connection.execute(_RAISE, {"named": CLOCK_MARK, "to": mark_us})

    def claim(self, registry: bytes, log_origin: str, place: object) -> None:
        """Makes an empty database ours. StoreUnusable where it is another registry's, or held."""
        try:
            owner = self._claimed(registry, log_origin)
            if self.shared:
                # Whatever a server shows after its crash may be what its standbys never got.
                self._settle_all()
        except StoreLocked as error:
            raise StoreUnusable(f"{place}: somebody else writes there; start again") from error
        except DBAPIError as error:
            cause = " ".join(str(error.orig).split())
            raise StoreUnusable(f"{place}: cannot be written: {cause}") from error
        if owner != (registry, log_origin):
            raise StoreUnusable(
                f"{place}: holds the decisions of registry {owner[0].hex()} with log {owner[1]}"
            )

    def _claimed(self, registry: bytes, log_origin: str) -> tuple[bytes, str]:
        """Whose it is now, with its log."""
        with self._writing():
            self._statements.take_lease(self._connection)
            owner = self._connection.execute(select(identity)).one_or_none()
            if owner is not None:
                return owner.registry, owner.log_origin
            values = {"registry": registry, "log_origin": log_origin}
            self._connection.execute(insert(identity), [values])
            return registry, log_origin

    # ------------------------------------------------------------------ transactions

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that is on every disk it should be on when the block has ended."""
        if self._doubt is not None:
            self._doubt.clear()
        told = dict(self._told)
        try:
            with self._connection.begin():
                yield
        except BaseException:
            self._told = told
            raise
        while self._doubt is not None and self._doubt.raised:
            # Committed here, but the wait for a standby was cancelled: a later write tells.
            self._doubt.clear()
            with self._connection.begin():
                touch(self._connection)

    def _tell_settled(self) -> None:
        """Lets the other processes know, and the publisher, which reads only what is settled."""
        if not self.shared:
            return  # whatever can be read in a file is settled
        for shard, end in sorted(self._settled.items()):
            if end > self._told.get(shard, 0):
                self._put(f"{SETTLED}{shard}", end)
                self._told[shard] = end

    def _put(self, name: str, value: int) -> None:
        raised = update(meta).where(meta.c.name == name)
        at_least = raised.where(meta.c.value <= value).values(value=value)
        if not self._connection.execute(at_least).rowcount and not self._is_put(name):
            self._connection.execute(insert(meta), [{"name": name, "value": value}])

    def _is_put(self, name: str) -> bool:
        there = select(meta.c.name).where(meta.c.name == name)
        return self._connection.scalar(there) is not None
