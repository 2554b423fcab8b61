"""The transport in memory: links as peers wish, cuts, replacement, crashes, frames."""

import pytest
import trio

from proto.keys import NodeId
from runtime.transport import (
    MAX_FRAME_ENVELOPES,
    BatchArrived,
    GossipArrived,
    LinkCause,
    LinkDown,
    LinkEvent,
    LinkUp,
    PeerEndpoint,
    Transport,
)
from runtime.transport_memory import MemoryNetwork, MemoryTransport

A, B, C = (NodeId(bytes([number]) * 32) for number in (1, 2, 3))
SOMEWHERE = PeerEndpoint(b"", None)


def events(transport: MemoryTransport) -> list[LinkEvent]:
    found: list[LinkEvent] = []
    while True:
        try:
            found.append(transport.receive_nowait())
        except trio.WouldBlock:
            return found


def pair(network: MemoryNetwork) -> tuple[MemoryTransport, MemoryTransport]:
    a, b = network.join(A, lambda _: (1, 2)), network.join(B, lambda _: (3, 4))
    a.set_peers({B: SOMEWHERE})
    b.set_peers({A: SOMEWHERE})
    return a, b


def test_a_link_needs_both_to_want_it() -> None:
    network = MemoryNetwork()
    a, b = network.join(A, lambda _: (1, 2)), network.join(B, lambda _: (3, 4))
    a.set_peers({B: SOMEWHERE})
    assert events(a) == events(b) == []
    b.set_peers({A: SOMEWHERE})
    assert events(a) == [LinkUp(B, 1, 3, 4)]
    assert events(b) == [LinkUp(A, 1, 1, 2)]
    b.set_peers({})
    assert events(a) == [LinkDown(B, 1, LinkCause.PEER_REMOVED)]
    assert events(b) == [LinkDown(A, 1, LinkCause.PEER_REMOVED)]


def test_frames_are_as_on_the_wire() -> None:
    a, b = pair(MemoryNetwork())
    events(b)
    many = [bytes([number]) for number in range(MAX_FRAME_ENVELOPES + 1)]
    a.send(B, 1, 10, many, 5)
    a.send(B, 1, 0, (), 6)
    a.gossip(B, 1, many)
    assert events(b) == [
        BatchArrived(A, 1, 10, tuple(many[:-1]), 5),
        BatchArrived(A, 1, 10 + MAX_FRAME_ENVELOPES, (many[-1],), 5),
        BatchArrived(A, 1, 0, (), 6),
        GossipArrived(A, 1, tuple(many[:-1])),
        GossipArrived(A, 1, (many[-1],)),
    ]


def test_a_cut_loses_what_is_sent_until_it_is_restored() -> None:
    network = MemoryNetwork()
    a, b = pair(network)
    a.send(B, 1, 1, [b"before"], 0)
    network.cut(B, A)
    a.send(B, 1, 2, [b"lost"], 0)
    network.restore(A, B)
    a.send(B, 1, 2, [b"for the old link"], 0)
    a.send(B, 2, 2, [b"after"], 0)
    assert events(b) == [
        LinkUp(A, 1, 1, 2),
        BatchArrived(A, 1, 1, (b"before",), 0),
        LinkDown(A, 1, LinkCause.LOST),
        LinkUp(A, 2, 1, 2),
        BatchArrived(A, 2, 2, (b"after",), 0),
    ]


def test_a_reconnect_replaces_the_link() -> None:
    network = MemoryNetwork()
    a, b = pair(network)
    network.reconnect(A, B)
    assert events(a)[1:] == [LinkDown(B, 1, LinkCause.REPLACED), LinkUp(B, 2, 3, 4)]
    assert events(b)[1:] == [LinkDown(A, 1, LinkCause.REPLACED), LinkUp(A, 2, 1, 2)]


def test_a_dropped_peer_hears_of_it_and_stays_away_until_restored() -> None:
    network = MemoryNetwork()
    a, b = pair(network)
    b.drop(A, 1, LinkCause.BAD_NUMBER)
    assert events(a)[1:] == [LinkDown(B, 1, LinkCause.CLOSED_BY_PEER)]
    assert events(b)[1:] == [LinkDown(A, 1, LinkCause.BAD_NUMBER)]
    network.restore(A, B)
    assert events(a) == [LinkUp(B, 2, 3, 4)]


async def test_a_node_that_crashes_is_lost_and_may_join_again() -> None:
    network = MemoryNetwork()
    a, b = pair(network)
    events(b)
    again = network.join(A, lambda _: (7, 8))
    assert events(b) == [LinkDown(A, 1, LinkCause.LOST)]
    again.set_peers({B: SOMEWHERE})
    assert events(b) == [LinkUp(A, 2, 7, 8)]
    assert await again.receive() == LinkUp(B, 2, 3, 4)
    with pytest.raises(trio.ClosedResourceError):
        await a.receive()


def test_both_transports_are_transports() -> None:
    def takes(_: Transport) -> None:
        return None

    takes(MemoryNetwork().join(C, lambda _: (0, 0)))
