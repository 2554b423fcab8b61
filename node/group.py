"""What one transaction of the engine will hold, and how it becomes writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from node.core.effects import (
    AskRegistries,
    Deliver,
    DraftContract,
    DrivePayment,
    Effect,
    Notify,
    Send,
)
from node.core.events import Event
from node.core.rows import Key, Row
from node.links import Links
from node.memory import Memory
from node.store import OUTBOX_COLUMNS, ROWS, outbox, outbox_row, peer
from proto.envelope import Envelope, sign_batch
from proto.keys import NodeId, SigningKey
from proto.messages import MESSAGE_KIND, Body, encode
from proto.reason import Refusal
from runtime.write_plan import InsertValues, UpdateRows, UpdateValues, Write
from runtime.writer import StoreFailed

Told = Callable[[Refusal | StoreFailed | None], None]


class AskThem(Protocol):
    """Performs AskRegistries: whoever answers, the answer comes back as an event."""

    def ask(self, effect: AskRegistries, descriptor: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """Events of the owner, and whom to tell once they are durable."""

    makes: tuple[Callable[[int], Event], ...]
    told: Told


@dataclass(frozen=True, slots=True)
class Worked:
    """What is done between two events, and put into the transaction of the group."""

    act: "Callable[[Group], None]"
    told: Told


Item = Asked | Worked | Callable[[int], Event]
"""What has been asked of the engine, streams apart."""


Errand = Deliver | DrivePayment | DraftContract | Notify
"""What others of the daemon do once it is durable."""


@dataclass(slots=True)
class Group:
    """What one transaction will hold. Rows are merged: only their last version is written.

    `alone`: nothing more is heard until it is durable.
    """

    rows: dict[Key, Row] = field(default_factory=dict)
    sends: list[tuple[NodeId, Body]] = field(default_factory=list)
    have: dict[NodeId, int] = field(default_factory=dict)
    asks: list[AskRegistries] = field(default_factory=list)
    errands: list[Errand] = field(default_factory=list)
    answers: list[tuple[Told, Refusal | None]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    alone: bool = False

    def take(self, effect: Effect) -> None:
        """An effect of a step that is in it; what is the caller's own affair is passed by."""
        match effect:
            case Send(receiver, body):
                self.sends.append((receiver, body))
            case AskRegistries():
                self.asks.append(effect)
            case Deliver() | DrivePayment() | DraftContract() | Notify():
                self.errands.append(effect)
            case _:
                pass

    @property
    def empty(self) -> bool:
        return not (self.rows or self.sends or self.have or self.answers or self.writes)


def sign_sends(key: SigningKey, sends: list[tuple[NodeId, Body]]) -> dict[NodeId, list[bytes]]:
    """Envelopes by receiver, in order. One signature for the whole group: each message keeps its
    inclusion path and stands alone as evidence."""
    if not sends:
        return {}
    payloads = [(MESSAGE_KIND, encode(key.node_id, to, body)) for to, body in sends]
    by_peer: dict[NodeId, list[bytes]] = {}
    proofs = sign_batch(key, payloads)
    for (to, _), (kind, payload), proof in zip(sends, payloads, proofs, strict=True):
        by_peer.setdefault(to, []).append(Envelope(kind, payload, proof).encode())
    return by_peer


def group_writes(
    memory: Memory, links: Links, group: Group, envelopes: Mapping[NodeId, list[bytes]]
) -> list[Write]:
    """Everything that the transaction of this group holds."""
    return [
        *group.writes,
        *row_writes(memory, group.rows),
        *link_writes(links, group, envelopes),
    ]


def row_writes(memory: Memory, rows: Mapping[Key, Row]) -> list[Write]:
    """Inserts and updates of changed rows; counts their versions on."""
    fresh: dict[str, list[tuple[Any, ...]]] = {}
    changed: dict[str, list[tuple[Any, ...]]] = {}
    versions = memory.versions
    for key, row in rows.items():
        name = row.table
        seen = versions.get(key)
        if seen is None:
            if row.kept:
                versions[key] = 1
            fresh.setdefault(name, []).append(ROWS[name].inserted(row, 1))
        else:
            versions[key] = seen + 1
            changed.setdefault(name, []).append(ROWS[name].updated(row, seen))
    inserts = [InsertValues(ROWS[n].table, ROWS[n].columns, values) for n, values in fresh.items()]
    updates = [UpdateValues(ROWS[n].table, ROWS[n].changing, v) for n, v in changed.items()]
    return [*inserts, *updates]


def link_writes(links: Links, group: Group, envelopes: Mapping[NodeId, list[bytes]]) -> list[Write]:
    """The outbox and the positions that go with this group: numbers are given here."""
    positions: list[dict[str, Any]] = []
    messages: list[tuple[Any, ...]] = []
    for node in [*group.have, *(n for n in envelopes if n not in group.have)]:
        neighbour = links.neighbours[node]
        fresh = envelopes.get(node, [])
        first = neighbour.given + 1
        neighbour.given += len(fresh)
        group.have.setdefault(node, neighbour.seen)
        changed = {"node": node, "have": neighbour.seen, "sent": neighbour.given}
        positions.append(changed | {"version": neighbour.version})
        neighbour.version += 1
        if fresh:
            messages.append(outbox_row(node, first, fresh))
    writes: list[Write] = [UpdateRows(peer, positions)] if positions else []
    if messages:
        writes.append(InsertValues(outbox, OUTBOX_COLUMNS, messages))
    return writes
