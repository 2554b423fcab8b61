"""Brings a process's memory to what the store says, from the keys that others have changed."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import sqlalchemy
from sqlalchemy import Connection

from node.archive import Archive
from node.core.rows import Key, Row
from node.links import Links, Neighbour
from node.shared.feed import Change, FeedLost, head, since
from node.shared.keys import ADVERTS, ARCHIVE, LEASE, OUTBOX, OWNER, PROCESS
from node.shared.memory import SharedMemory
from node.shared.reading import read_outbox, read_positions, read_rows, snapshot
from node.shared.sharing import Lease, Sharing, load_leases, load_processes
from node.watching import Watching
from proto.keys import NodeId
from runtime.faults import StoreFailed
from runtime.transport import LinkCause

log = logging.getLogger(__name__)


class CatchingUp:
    """Runs between two groups, when memory holds nothing that is not in the store.

    `epoch` counts how often the owner's terms or neighbours were read anew: what was decided from
    older ones is not written any more.
    """

    def __init__(
        self,
        memory: SharedMemory,
        links: Links,
        sharing: Sharing,
        database: sqlalchemy.Engine,
        archive: Archive | None,
        watching: Watching,
        plan: Callable[[Row], None],
    ) -> None:
        self._memory = memory
        self._links = links
        self._sharing = sharing
        self._database = database
        self._archive = archive
        self._watching = watching
        self._plan = plan
        self.epoch = 0

    def load(self, connection: Connection) -> None:
        """Of memory that has just been read as a whole, on the same connection."""
        self._sharing.seen = head(connection)
        self._sharing.processes = load_processes(connection)
        self._take_leases(load_leases(connection))
        if self._sharing.process not in self._sharing.processes:
            self._sharing.expelled.set()

    def run(self, undone: Iterable[Key], adopt: Sequence[NodeId]) -> bool:
        """`undone`: rows that memory has changed and the store has not; `adopt`: neighbours whose
        stream has just become ours. False: everything has to be read anew."""
        try:
            with snapshot(self._database) as connection:
                until = head(connection)
                changes = since(connection, self._sharing.seen, until)
                self._take(connection, changes, frozenset(undone), adopt)
        except FeedLost:
            log.error("too far behind the other processes of this node")
            return False
        except StoreFailed as failure:
            log.error("the store cannot be read: %s", failure.kind.value)
            return False
        self._sharing.seen = until
        return True

    def _take(
        self,
        connection: Connection,
        changes: Sequence[Change],
        undone: AbstractSet[Key],
        adopt: Sequence[NodeId],
    ) -> None:
        sharing = self._sharing
        theirs = {key for c in changes if c.process != sharing.process for key in c.keys}
        news = theirs.union(undone, *(c.keys for c in changes))
        if any(key[0] == PROCESS for key in theirs):
            sharing.processes = load_processes(connection)
            if sharing.process not in sharing.processes and not sharing.leaving:
                sharing.expelled.set()
        rows, gone = read_rows(connection, news)
        self._memory.take(rows)
        self._memory.drop(gone)
        for row, _ in rows:
            self._plan(row)
        if OWNER in theirs:
            self.epoch += 1
            sharing.owner_changed(connection)
        if any(key[0] == LEASE for key in news):
            self._take_leases(load_leases(connection))
        for node in adopt:
            self._adopt(connection, node)
        self._refresh(connection, {NodeId(key[1]) for key in news if key[0] == OUTBOX})
        if ARCHIVE in theirs and self._archive is not None:
            self._archive.load(connection)
        if ADVERTS in theirs:
            sharing.adverts_changed(connection)
        self._watching.tell({row.key: row for row, _ in rows if row.key in theirs})

    # ------------------------------------------------------------------ streams

    def _take_leases(self, leases: Mapping[bytes, Lease]) -> None:
        self._sharing.leases = dict(leases)
        self._sharing.moved.set()
        for node, neighbour in self._links.neighbours.items():
            lease = leases.get(node)
            if not self._sharing.holds(node):
                self._links.drop(node, LinkCause.REPLACED)
                forget_outbox(neighbour)
            up = lease is not None and lease.up
            if up and (neighbour.link is not None or not self._sharing.holds(node)):
                self._memory.links.add(node)
            else:
                self._memory.links.discard(node)

    def _adopt(self, connection: Connection, node: NodeId) -> None:
        """Its numbers and messages as they are from now on, under our lease."""
        neighbour = self._links.neighbours.get(node)
        position = read_positions(connection, [node]).get(node)
        if neighbour is None or position is None:
            return
        forget_outbox(neighbour)
        neighbour.have = neighbour.seen = position.have
        neighbour.sent = neighbour.given = position.acknowledged
        neighbour.outbox_first = position.acknowledged + 1
        self._append(connection, neighbour)
        neighbour.sent = neighbour.given = position.sent

    def _refresh(self, connection: Connection, nodes: AbstractSet[NodeId]) -> None:
        """Messages that others have written, or had acknowledged."""
        known = {n for n in nodes if n in self._links.neighbours}
        held = {node for node in known if self._sharing.holds(node)}
        for node in sorted(held):
            self._append(connection, self._links.neighbours[node])
            self._links.pump(node)
        for node, position in read_positions(connection, sorted(known - held)).items():
            neighbour = self._links.neighbours[node]
            neighbour.have = neighbour.seen = position.have
            neighbour.sent = neighbour.given = position.sent
            neighbour.outbox_first = position.acknowledged + 1

    def _append(self, connection: Connection, neighbour: Neighbour) -> None:
        for first, envelopes in read_outbox(connection, neighbour.node, neighbour.sent):
            last = first + len(envelopes) - 1
            neighbour.outbox.extend(envelopes)
            neighbour.rows.append((first, last))
            neighbour.sent = neighbour.given = last


def forget_outbox(neighbour: Neighbour) -> None:
    """Of a stream that is not ours only the numbers are kept."""
    neighbour.outbox.clear()
    neighbour.rows.clear()
    neighbour.on_the_way = 0
