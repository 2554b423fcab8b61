"""The transport without a wire, for tests and simulations: many nodes in one process.

Deterministic: no tasks, no threads, no clock. A link exists while both nodes name each other as
peers and nobody has cut it.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import count

import trio

from proto.gossip_sync import MAX_SYNC_BYTES
from proto.keys import NodeId
from proto.limits import MAX_ENVELOPE_BYTES
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


class MemoryNetwork:
    """All nodes and their links; the hands that cut and restore them."""

    def __init__(self) -> None:
        self._nodes: dict[NodeId, MemoryTransport] = {}
        self._links: dict[Pair, int] = {}
        self._cut: set[Pair] = set()
        self._numbers = count(1)

    def join(
        self, node: NodeId, positions: Positions, gossip: GossipWish = GossipWish.EVERYTHING
    ) -> "MemoryTransport":
        """A transport of `node`; an earlier one of the same node has crashed: its links end."""
        self.leave(node)
        transport = MemoryTransport(self, node, positions, gossip)
        self._nodes[node] = transport
        return transport

    def leave(self, node: NodeId) -> None:
        """The node is gone: its peers see their links lost."""
        gone = self._nodes.pop(node, None)
        if gone is not None:
            gone.close()
            self.settle(node, LinkCause.LOST)

    def cut(self, one: NodeId, other: NodeId) -> None:
        """Ends their link, if any, and lets none come up. What has arrived stays arrived."""
        self._cut.add(_pair(one, other))
        self._settle_pair(_pair(one, other), LinkCause.LOST)

    def restore(self, one: NodeId, other: NodeId) -> None:
        """Lets a link come up again, and it does at once."""
        self._cut.discard(_pair(one, other))
        self._settle_pair(_pair(one, other), LinkCause.LOST)

    def reconnect(self, one: NodeId, other: NodeId) -> None:
        """Replaces their link by a new one, as a redial does."""
        pair = _pair(one, other)
        self._down(pair, LinkCause.REPLACED, LinkCause.REPLACED)
        self._settle_pair(pair, LinkCause.LOST)

    def settle(self, node: NodeId, cause: LinkCause) -> None:
        """Brings up and down what the peers of `node` now ask for."""
        transport = self._nodes.get(node)
        wanted = set(transport.peers) if transport is not None else set()
        linked = {peer for pair in self._links if node in pair for peer in pair if peer != node}
        for peer in sorted(wanted | linked):
            self._settle_pair(_pair(node, peer), cause)

    def _settle_pair(self, pair: Pair, cause: LinkCause) -> None:
        one, other = (self._nodes.get(node) for node in pair)
        wanted = (
            pair not in self._cut
            and one is not None
            and other is not None
            and other.node in one.peers
            and one.node in other.peers
        )
        if pair in self._links and not wanted:
            self._down(pair, cause, cause)
        elif pair not in self._links and wanted:
            self._up(pair)

    def _up(self, pair: Pair) -> None:
        number = next(self._numbers)
        self._links[pair] = number
        one, other = (self._nodes[node] for node in pair)
        # Both say Hello before either hears the other, as on a wire.
        of_one, of_other = one.positions(other.node), other.positions(one.node)
        one.deliver(LinkUp(other.node, number, *of_other, other.wish))
        other.deliver(LinkUp(one.node, number, *of_one, one.wish))

    def _down(self, pair: Pair, cause_of_first: LinkCause, cause_of_second: LinkCause) -> None:
        number = self._links.pop(pair, None)
        if number is None:
            return
        first, second = pair
        for node, peer, cause in (
            (first, second, cause_of_first),
            (second, first, cause_of_second),
        ):
            if node in self._nodes:
                self._nodes[node].deliver(LinkDown(peer, number, cause))

    def linked(self, one: NodeId, other: NodeId, link: int) -> "MemoryTransport | None":
        """The transport at the other end of this very link."""
        if self._links.get(_pair(one, other)) != link:
            return None
        return self._nodes[other]

    def drop(self, node: NodeId, peer: NodeId, link: int, cause: LinkCause) -> None:
        """One end ends the link. It stays cut until `restore`: no dialler waits here."""
        pair = _pair(node, peer)
        if self._links.get(pair) == link:
            closed = LinkCause.CLOSED_BY_PEER
            causes = (cause, closed) if pair[0] == node else (closed, cause)
            self._down(pair, *causes)
            self._cut.add(pair)


class MemoryTransport:
    """See runtime.transport.Transport. Made by MemoryNetwork.join.

    After `drop` the link stays cut until the network restores it.
    """

    def __init__(
        self,
        network: MemoryNetwork,
        node: NodeId,
        positions: Positions,
        wish: GossipWish = GossipWish.EVERYTHING,
    ) -> None:
        self.node = node
        self.wish = wish
        self.positions = positions
        self.peers: Mapping[NodeId, PeerEndpoint] = {}
        self._network = network
        self._deliver, self._events = trio.open_memory_channel[LinkEvent](math.inf)

    async def take(self) -> tuple[LinkEvent, Taken]:
        return await self._events.receive(), _nothing

    async def receive(self) -> LinkEvent:
        """As `take`: what has arrived in memory is not read from anywhere."""
        return await self._events.receive()

    def receive_nowait(self) -> LinkEvent:
        """The next event. Raises trio.WouldBlock where none has arrived."""
        return self._events.receive_nowait()

    def send(
        self, peer: NodeId, link: int, first: int, envelopes: Sequence[bytes], ack: int
    ) -> None:
        other = self._network.linked(self.node, peer, link)
        if other is None:
            return
        assert all(len(envelope) <= MAX_ENVELOPE_BYTES for envelope in envelopes)
        for start in range(0, len(envelopes) or 1, MAX_FRAME_ENVELOPES):
            frame = tuple(envelopes[start : start + MAX_FRAME_ENVELOPES])
            other.deliver(BatchArrived(self.node, link, first + start, frame, ack))

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        other = self._network.linked(self.node, peer, link)
        if other is None:
            return
        for start in range(0, len(adverts), MAX_FRAME_ENVELOPES):
            frame = tuple(adverts[start : start + MAX_FRAME_ENVELOPES])
            other.deliver(GossipArrived(self.node, link, frame))

    def sync(self, peer: NodeId, link: int, data: bytes) -> None:
        other = self._network.linked(self.node, peer, link)
        if other is not None:
            assert len(data) <= MAX_SYNC_BYTES
            other.deliver(GossipArrived(self.node, link, (), data))

    def drop(self, peer: NodeId, link: int, cause: LinkCause) -> None:
        self._network.drop(self.node, peer, link, cause)

    def set_peers(self, peers: Mapping[NodeId, PeerEndpoint]) -> None:
        assert self.node not in peers, "a node is not its own neighbour"
        self.peers = dict(peers)
        self._network.settle(self.node, LinkCause.PEER_REMOVED)

    def deliver(self, event: LinkEvent) -> None:
        """For the network: an event has arrived."""
        self._deliver.send_nowait(event)

    def close(self) -> None:
        """For the network: nobody will receive any more."""
        self._events.close()
        self._deliver.close()


def _pair(one: NodeId, other: NodeId) -> Pair:
    return (one, other) if one < other else (other, one)


def _nothing() -> None:
    """Nobody waits to read on."""
