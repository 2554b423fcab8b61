"""Slips in what carries the core: the engine, its messages, its timers."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from node import group as grouping
from node.core.rows import Row
from node.engine import Engine
from node.group import Group, group_writes, sign_sends
from node.links import Links
from node.store import outbox
from node.timers import Timers
from proto.keys import NodeId
from runtime.transport import BatchArrived, LinkUp
from runtime.write_plan import InsertValues, Write
from runtime.writer import StoreFailed
from tests.sim.patching import changed
from tests.sim.slips_evidence import booked_twice


def _nothing() -> None:
    """All has been done before."""


@contextmanager
def speaks_first() -> Iterator[None]:
    """What a group says leaves while the disk still writes it."""

    def commit(self: Engine, group: Group) -> None:
        envelopes = sign_sends(self._key, group.sends)
        writes = group_writes(self.memory, self.links, group, envelopes)
        self._in_flight += 1
        self._writer.put(writes, _nothing, lambda failure: self._rolled_back(group, failure))
        self._committed(group, envelopes)

    with changed(Engine, "_commit", commit):
        yield


@contextmanager
def outbox_not_kept() -> Iterator[None]:
    """Messages are sent and not written: who dies before they arrive has never said them."""
    sound = grouping.link_writes

    def link_writes(
        links: Links, group: Group, envelopes: Mapping[NodeId, list[bytes]]
    ) -> list[Write]:
        writes = sound(links, group, envelopes)
        return [w for w in writes if not (isinstance(w, InsertValues) and w.table is outbox)]

    with changed(grouping, "link_writes", link_writes):
        yield


@contextmanager
def acknowledged_unwritten() -> Iterator[None]:
    """What was heard is acknowledged before its effect is durable."""
    sound = Engine._take_batch

    def take_batch(self: Engine, event: BatchArrived, group: Group) -> None:
        sound(self, event, group)
        neighbour = self.links.neighbours.get(event.peer)
        if event.envelopes and neighbour is not None and neighbour.link is not None:
            neighbour.have = neighbour.seen
            self.links._tell(neighbour)

    with changed(Engine, "_take_batch", take_batch):
        yield


@contextmanager
def heard_twice() -> Iterator[None]:
    """The numbers of messages are not looked at, and what comes twice is booked twice."""
    sound = Engine._take_batch

    def take_batch(self: Engine, event: BatchArrived, group: Group) -> None:
        neighbour = self.links.neighbours.get(event.peer)
        known = neighbour is not None and neighbour.link == event.link
        if neighbour is not None and known and event.first <= neighbour.seen:
            for number, envelope in enumerate(event.envelopes, event.first):
                if number <= neighbour.seen and not self._take_message(event.peer, envelope, group):
                    return
        sound(self, event, group)

    with changed(Engine, "_take_batch", take_batch), booked_twice():
        yield


@contextmanager
def not_said_again() -> Iterator[None]:
    """On a new link nothing is repeated that was sent on the one before."""
    sound_up, sound_down = Links.up, Links.down

    def down(self: Links, peer: NodeId, link: int) -> bool:
        neighbour = self.neighbours.get(peer)
        sent = neighbour.on_the_way if neighbour is not None else 0
        over = sound_down(self, peer, link)
        if over and neighbour is not None:
            neighbour.on_the_way = sent
        return over

    def up(self: Links, event: LinkUp) -> list[int] | None:
        neighbour = self.neighbours.get(event.peer)
        before = (neighbour.acknowledged, neighbour.on_the_way) if neighbour is not None else (0, 0)
        done = sound_up(self, event)
        if done is not None and neighbour is not None:
            neighbour.on_the_way = max(0, sum(before) - neighbour.acknowledged)
        return done

    with changed(Links, "up", up), changed(Links, "down", down):
        yield


@contextmanager
def timers_not_loaded() -> Iterator[None]:
    """A process that starts waits for nothing that it waited for before."""

    def load(self: Timers, rows: Iterable[Row]) -> None:
        self._heap.clear()
        self._at.clear()

    with changed(Timers, "load", load):
        yield


@contextmanager
def failure_overlooked() -> Iterator[None]:
    """Memory goes on with what the disk has refused."""

    def rolled_back(self: Engine, group: Group, failure: StoreFailed) -> None:
        self._in_flight -= 1
        for told in group.told:
            told(failure)
        self._writer.resume()
        self._settled.set()
        self._wake.set()

    with changed(Engine, "_rolled_back", rolled_back):
        yield
