"""What a process knows of the others of its node: who they are, and who does what."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import trio
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from node.core.rows import Key
from node.shared.keys import LEASE, PROCESS
from node.store import lease, process

KEEPER: Final = b"keeper"  # sees to what waits for a time, to adverts, and to what the dead left
ID_BYTES: Final = 8
TAG_BYTES: Final = 4  # of a process's id, at the end of the ids of payments that it drives


@dataclass(frozen=True, slots=True)
class Lease:
    """Whose a stream or a duty is. `up`: there is a stream."""

    process: bytes
    up: bool = False


def _nothing(_: Connection) -> None:
    """Nobody asked."""


@dataclass(slots=True)
class Sharing:
    """Owned by the engine's task. `seen`: the last change that memory holds (node.shared.feed).

    `leaving`: everything is being given back. `expelled`: the others took this process for dead,
    and have taken over what it did. `keeping`: the duties are ours. `moved` is set when leases have
    changed.
    The two calls read anew what others changed: the owner's terms and neighbours, and adverts.
    """

    process: bytes
    seen: int = 0
    leases: dict[bytes, Lease] = field(default_factory=dict)
    processes: frozenset[bytes] = frozenset()
    leaving: bool = False
    expelled: trio.Event = field(default_factory=trio.Event)
    keeping: trio.Event = field(default_factory=trio.Event)
    moved: trio.Event = field(default_factory=trio.Event)
    owner_changed: Callable[[Connection], None] = _nothing
    adverts_changed: Callable[[Connection], None] = _nothing

    def holds(self, name: bytes) -> bool:
        """Whether this is ours."""
        known = self.leases.get(name)
        return known is not None and known.process == self.process

    def duties(self, process: bytes) -> tuple[bool, int]:
        """Whether it keeps what waits for a time, and how many streams it has."""
        held = [name for name, lease in self.leases.items() if lease.process == process]
        streams = sum(self.leases[name].up for name in held if name != KEEPER)
        return KEEPER in held, streams

    def is_orphan(self, payment: bytes) -> bool:
        """Whether no process that lives drives it."""
        return not any(payment.endswith(p[:TAG_BYTES]) for p in self.processes)


def lease_key(name: bytes) -> Key:
    return LEASE, bytes(name), b""


def process_key(identity: bytes) -> Key:
    return PROCESS, identity, b""


# ---------------------------------------------------------------- in the store


def join(connection: Connection, identity: bytes) -> None:
    """A process begins."""
    connection.execute(insert(process), [{"id": identity, "beat": 0}])


def beat(connection: Connection, identity: bytes) -> dict[bytes, int]:
    """Shows that we live, and who else does: the count of each. We are missing: we are expelled."""
    mine = update(process).where(process.c.id == identity).values(beat=process.c.beat + 1)
    connection.execute(mine)
    return {bytes(row.id): row.beat for row in connection.execute(select(process))}


def end(connection: Connection, identities: Iterable[bytes]) -> None:
    """Processes are gone; what they had is free."""
    gone = list(identities)
    connection.execute(delete(lease).where(lease.c.process.in_(gone)))
    connection.execute(delete(process).where(process.c.id.in_(gone)))


def forget_everybody(connection: Connection) -> None:
    """Whoever did not leave is dead, and nobody else runs."""
    connection.execute(delete(lease))
    connection.execute(delete(process))


def load_processes(connection: Connection) -> frozenset[bytes]:
    """Who lives, as far as anybody knows."""
    return frozenset(bytes(row.id) for row in connection.execute(select(process.c.id)))


def load_leases(connection: Connection) -> dict[bytes, Lease]:
    """All of them, by name."""
    rows = connection.execute(select(lease))
    return {bytes(row.name): Lease(bytes(row.process), bool(row.up)) for row in rows}


def put_lease(name: bytes, taken: Lease, connection: Connection) -> None:
    """Whoever had it has it no more."""
    columns = {"process": taken.process, "up": int(taken.up)}
    row = insert_new(lease).values(name=name, **columns)
    connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=columns))
