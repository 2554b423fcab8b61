"""The wires between nodes: frames take their time, and faults drop, double, swap and delay them.

A stream of gRPC does none of this to its frames: it breaks. Whatever a faulty wire does to frames
here is therefore more than the transport admits, and a node has to live with it all the same: it
notices a gap or a repetition by its numbers, ends the link, and everything is said again on the
next one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

import trio

from node.command.sim.world.agenda import Agenda
from proto.keys import NodeId
from proto.limits import US
from runtime.transport import (
    MAX_FRAME_ENVELOPES,
    BatchArrived,
    GossipArrived,
    GossipWish,
    LinkCause,
    LinkDown,
    LinkEvent,
    LinkUp,
    PeerEndpoint,
    Positions,
    Taken,
)

Pair = tuple[NodeId, NodeId]  # sorted
Sink = Callable[[LinkEvent, Taken], None]

LATENCY_US: Final = (500, 40_000)  # each wire has one, of a city or of an ocean
JITTER_US: Final = 2_000
REDIAL_US: Final = (100_000, 3_000_000)  # as the back-off of the real transport, about
NOTICED_US: Final = (
    1_000_000,
    12_000_000,
)  # of a lost frame, by keepalive
SWAPPED_US: Final = 20_000


@dataclass(slots=True)
class Wire:
    """Between two nodes. Chances are per mille of a frame; `cut`: nothing passes, no link."""

    latency_us: int
    cut: bool = False
    slow_us: int = 0
    drop: int = 0
    double: int = 0
    swap: int = 0
    link: int | None = None
    dialling: bool = False
    free_at_s: dict[NodeId, float] = field(default_factory=dict)  # by receiver: order


class Wires:
    """All wires and the transports at their ends. Owned by trio."""

    def __init__(self, agenda: Agenda, random: Random) -> None:
        self._agenda = agenda
        self._random = random
        self._ends: dict[NodeId, SimTransport] = {}
        self._wires: dict[Pair, Wire] = {}
        self._links = 0
        self.frames = 0  # carried so far
        self.overheard: Callable[[NodeId, NodeId, LinkEvent], None] = lambda *_: None

    def wire(self, one: NodeId, other: NodeId) -> Wire:
        """The wire between two nodes, laid when it is first asked for."""
        pair = _pair(one, other)
        if pair not in self._wires:
            self._wires[pair] = Wire(self._random.randint(*LATENCY_US))
        return self._wires[pair]

    def join(self, node: NodeId, positions: Positions) -> "SimTransport":
        """The transport of a process that has just started."""
        self.leave(node)
        transport = SimTransport(self, node, positions)
        self._ends[node] = transport
        return transport

    def leave(self, node: NodeId) -> None:
        """The process is gone: its links break."""
        gone = self._ends.pop(node, None)
        if gone is None:
            return
        gone.closed = True
        for pair, wire in self._wires.items():
            if node in pair and wire.link is not None:
                self.end(pair, LinkCause.LOST)

    def heal(self) -> None:
        """Every wire carries everything again, in order."""
        for pair, wire in self._wires.items():
            wire.cut, wire.slow_us, wire.drop, wire.double, wire.swap = False, 0, 0, 0, 0
            self.dial(pair)

    def cut(self, one: NodeId, other: NodeId) -> None:
        """Ends their link and lets none come up."""
        self.wire(one, other).cut = True
        self.end(_pair(one, other), LinkCause.LOST)

    def restore(self, one: NodeId, other: NodeId) -> None:
        """A link may come up again."""
        self.wire(one, other).cut = False
        self.dial(_pair(one, other))

    def end(self, pair: Pair, cause: LinkCause, by: NodeId | None = None) -> None:
        """The link of a pair is over for both; `by`: who ended it, and why."""
        wire = self._wires[pair]
        link, wire.link = wire.link, None
        if link is None:
            return
        for node, peer in (pair, pair[::-1]):
            if (end := self._ends.get(node)) is not None:
                why = cause if by in (None, node) else LinkCause.CLOSED_BY_PEER
                # Not at once: whoever ends a link is in the middle of something.
                self._agenda.after(0, partial(end.receive, LinkDown(peer, link, why)))
        self.dial(pair)

    def dial(self, pair: Pair) -> None:
        """Somebody tries again before long, if both want to be linked."""
        wire = self.wire(*pair)
        if wire.dialling or wire.link is not None:
            return
        wire.dialling = True
        self._agenda.after(self._random.randint(*REDIAL_US), lambda: self._dialled(pair))

    def _dialled(self, pair: Pair) -> None:
        wire = self._wires[pair]
        wire.dialling = False
        one, other = (self._ends.get(node) for node in pair)
        if one is None or other is None or wire.cut or wire.link is not None:
            return  # whoever starts, or mends the wire, dials anew
        if other.node not in one.peers or one.node not in other.peers:
            return
        self._links += 1
        wire.link, wire.free_at_s = self._links, {}
        # Both say Hello before either hears the other.
        of_one, of_other = one.positions(other.node), other.positions(one.node)
        self.carry(one.node, other.node, LinkUp(one.node, self._links, *of_one, one.wish))
        self.carry(other.node, one.node, LinkUp(other.node, self._links, *of_other, other.wish))

    def linked(self, one: NodeId, other: NodeId, link: int) -> bool:
        """Whether this very link is up."""
        wire = self._wires.get(_pair(one, other))
        return wire is not None and wire.link == link

    def carry(self, sender: NodeId, receiver: NodeId, event: LinkEvent) -> None:
        """A frame sets out. On a sound wire it arrives behind those before it."""
        wire = self.wire(sender, receiver)
        self.frames += 1
        self.overheard(sender, receiver, event)
        takes_us = wire.latency_us + wire.slow_us + self._random.randint(0, JITTER_US)
        due_s = trio.current_time() + takes_us / US
        if not isinstance(event, LinkUp):
            if self._random.randrange(1000) < wire.drop:
                self._lose(sender, receiver, event)
                return
            if self._random.randrange(1000) < wire.double:
                self._arrive(sender, receiver, event, due_s + JITTER_US / US)
            if self._random.randrange(1000) < wire.swap:
                self._arrive(sender, receiver, event, due_s + SWAPPED_US / US)
                return
        due_s = wire.free_at_s[receiver] = max(due_s, wire.free_at_s.get(receiver, 0.0))
        self._arrive(sender, receiver, event, due_s)

    def _arrive(self, sender: NodeId, receiver: NodeId, event: LinkEvent, at_s: float) -> None:
        def arrived() -> None:
            end = self._ends.get(receiver)
            if end is not None and self.linked(sender, receiver, event.link):
                end.receive(event)

        self._agenda.at(at_s, arrived)

    def _lose(self, sender: NodeId, receiver: NodeId, event: LinkEvent) -> None:
        def noticed() -> None:
            if self.linked(sender, receiver, event.link):
                self.end(_pair(sender, receiver), LinkCause.LOST)

        self._agenda.after(self._random.randint(*NOTICED_US), noticed)


class SimTransport:
    """See `runtime.transport.SinkTransport`. Made by Wires.join."""

    def __init__(self, wires: Wires, node: NodeId, positions: Positions) -> None:
        self.node = node
        self.wish = GossipWish.COMPARED
        self.positions = positions
        self.peers: Mapping[NodeId, PeerEndpoint] = {}
        self.closed = False
        self.about_to_send: Callable[[], None] = lambda: None  # a process may die at any frame
        self._wires = wires
        self._sink: Sink | None = None
        self._waiting: list[LinkEvent] = []

    def hand_to(self, sink: Sink) -> None:
        self._sink = sink
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            sink(event, _nothing)

    def receive(self, event: LinkEvent) -> None:
        """For the wires: an event has arrived."""
        if self.closed:
            return
        if self._sink is None:
            self._waiting.append(event)
        else:
            self._sink(event, _nothing)

    async def take(self) -> tuple[LinkEvent, Taken]:
        raise AssertionError("what arrives is handed over")

    def send(
        self, peer: NodeId, link: int, first: int, envelopes: Sequence[bytes], ack: int
    ) -> None:
        for start in range(0, len(envelopes) or 1, MAX_FRAME_ENVELOPES):
            frame = tuple(envelopes[start : start + MAX_FRAME_ENVELOPES])
            if self._may_send(peer, link):
                event = BatchArrived(self.node, link, first + start, frame, ack)
                self._wires.carry(self.node, peer, event)

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        for start in range(0, len(adverts), MAX_FRAME_ENVELOPES):
            if self._may_send(peer, link):
                frame = tuple(adverts[start : start + MAX_FRAME_ENVELOPES])
                self._wires.carry(self.node, peer, GossipArrived(self.node, link, frame))

    def sync(self, peer: NodeId, link: int, data: bytes) -> None:
        if self._may_send(peer, link):
            self._wires.carry(self.node, peer, GossipArrived(self.node, link, (), data))

    def _may_send(self, peer: NodeId, link: int) -> bool:
        if self.closed:
            return False
        self.about_to_send()
        return not self.closed and self._wires.linked(self.node, peer, link)

    def drop(self, peer: NodeId, link: int, cause: LinkCause) -> None:
        if not self.closed and self._wires.linked(self.node, peer, link):
            self._wires.end(_pair(self.node, peer), cause, self.node)

    def set_peers(self, peers: Mapping[NodeId, PeerEndpoint]) -> None:
        assert self.node not in peers, "a node is not its own neighbour"
        self.peers = dict(peers)
        for peer in peers:
            self._wires.dial(_pair(self.node, peer))


def _pair(one: NodeId, other: NodeId) -> Pair:
    return (one, other) if one < other else (other, one)


def _nothing() -> None:
    """Nobody waits to read on."""
