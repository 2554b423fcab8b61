"""The network in memory where a node is several processes: each neighbour reaches one of them."""

from proto.keys import NodeId
from runtime.transport import GossipWish, LinkCause, LinkDown, LinkUp, Positions
from runtime.transport_memory import MemoryNetwork, MemoryTransport, Pair


class Sites(MemoryNetwork):
    """`toward[node, peer]` is the process of `node` that `peer` reaches, or its first."""

    def __init__(self) -> None:
        super().__init__()
        self._sites: dict[NodeId, list[MemoryTransport]] = {}
        self._ends: dict[Pair, tuple[MemoryTransport, MemoryTransport]] = {}
        self.toward: dict[tuple[NodeId, NodeId], MemoryTransport] = {}

    def join_beside(self, node: NodeId, positions: Positions) -> MemoryTransport:
        """One more process of a node."""
        transport = MemoryTransport(self, node, positions, GossipWish.EVERYTHING)
        self._sites.setdefault(node, []).append(transport)
        return transport

    def leave_site(self, transport: MemoryTransport) -> None:
        """A process has died: its streams are lost, and come up with another."""
        self._sites[transport.node].remove(transport)
        transport.close()
        for pair, ends in list(self._ends.items()):
            if transport in ends:
                self._down(pair, LinkCause.LOST, LinkCause.LOST)
                self._settle_pair(pair, LinkCause.LOST)

    def move(self, node: NodeId, peer: NodeId, transport: MemoryTransport) -> None:
        """The peer dials again and reaches this process; the one before hears nothing of it."""
        self.toward[node, peer] = transport
        pair = pair_of(node, peer)
        number = self._links.pop(pair, None)
        for end in self._ends.pop(pair, ()):
            if end.node == peer and number is not None:
                self._tell_down(end, node, number, LinkCause.LOST)
        self._cut.discard(pair)
        self._settle_pair(pair, LinkCause.LOST)

    def _at(self, node: NodeId, peer: NodeId) -> MemoryTransport | None:
        if node in self._nodes:
            return self._nodes[node]
        sites = [site for site in self._sites.get(node, ()) if peer in site.peers]
        wanted = self.toward.get((node, peer))
        return wanted if wanted in sites else next(iter(sites), None)

    def settle(self, node: NodeId, cause: LinkCause) -> None:
        places = [self._nodes[node]] if node in self._nodes else self._sites.get(node, [])
        wanted = {peer for place in places for peer in place.peers}
        linked = {peer for pair in self._links if node in pair for peer in pair if peer != node}
        for peer in sorted(wanted | linked):
            self._settle_pair(pair_of(node, peer), cause)

    def _settle_pair(self, pair: Pair, cause: LinkCause) -> None:
        one, other = self._at(pair[0], pair[1]), self._at(pair[1], pair[0])
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
        one, other = self._at(pair[0], pair[1]), self._at(pair[1], pair[0])
        assert one is not None and other is not None
        number = self._links[pair] = next(self._numbers)
        self._ends[pair] = one, other
        of_one, of_other = one.positions(other.node), other.positions(one.node)
        one.deliver(LinkUp(other.node, number, *of_other))
        other.deliver(LinkUp(one.node, number, *of_one))

    def _down(self, pair: Pair, cause_of_first: LinkCause, cause_of_second: LinkCause) -> None:
        number = self._links.pop(pair, None)
        if number is None:
            return
        first, second = self._ends.pop(pair)
        self._tell_down(first, pair[1], number, cause_of_first)
        self._tell_down(second, pair[0], number, cause_of_second)

    def _tell_down(self, end: MemoryTransport, peer: NodeId, number: int, cause: LinkCause) -> None:
        if end is self._nodes.get(end.node) or end in self._sites.get(end.node, ()):
            end.deliver(LinkDown(peer, number, cause))

    def linked(self, one: NodeId, other: NodeId, link: int) -> MemoryTransport | None:
        pair = pair_of(one, other)
        if self._links.get(pair) != link:
            return None
        first, second = self._ends[pair]
        return second if pair[0] == one else first


def pair_of(one: NodeId, other: NodeId) -> Pair:
    return (one, other) if one < other else (other, one)
