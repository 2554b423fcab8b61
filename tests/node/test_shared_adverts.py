"""Adverts among the processes of a node, by way of their store: told, passed on, pushed out."""

from collections.abc import Iterator, Sequence
from typing import cast

import pytest
from sqlalchemy import Connection, func, select

from node.shared.adverts import SharedGossip, write_adverts
from node.shared.daemon import open_shared
from node.shared.feed import Turn
from node.store import advert as advert_table
from proto.keys import NodeId
from runtime.clock import FakeClock
from runtime.gossip_limits import GossipLimits
from runtime.transport import LinkCause, Transport
from tests.cluster import Cluster
from tests.runtime.gossiping import FOURTH, NOW_US, OTHER, OURS, PEER, line, signed

pytestmark = pytest.mark.edge


@pytest.fixture
def connection(server: Cluster) -> Iterator[Connection]:
    with open_shared(server.fresh()) as store, store.engine.connect() as opened:
        yield opened


class Wire:
    """Remembers what the neighbour is told."""

    def __init__(self) -> None:
        self.said: list[bytes] = []

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        self.said += adverts

    def drop(self, peer: NodeId, cause: LinkCause) -> None:
        raise AssertionError(f"{peer.hex()} is dropped: {cause}")


class Process:
    """One that serves the node, with one neighbour of its own."""

    def __init__(self, neighbour: NodeId, limits: GossipLimits | None = None) -> None:
        self._wire = Wire()
        self.said = self._wire.said
        transport = cast(Transport, self._wire)
        clock = FakeClock(NOW_US)
        self.gossip = SharedGossip(transport, self._wire.drop, OURS, lambda _: None, clock, limits)
        self.gossip.greet(neighbour, 1)

    def hear(self, adverts: Sequence[bytes]) -> None:
        self.gossip.arrived(PEER.node_id, 1, adverts, NOW_US)

    def share(self, connection: Connection, seen: int) -> None:
        """What share_adverts does, in a turn of its own."""
        Turn(b"process", seen, frozenset(), frozenset()).take(connection)
        gossip = self.gossip
        write_adverts(connection, list(gossip.fresh.values()), gossip.gone)
        gossip.fresh, gossip.gone = {}, set()


def stored(connection: Connection) -> int:
    count: int = connection.execute(select(func.count()).select_from(advert_table)).scalar_one()
    return count


def test_what_one_hears_the_other_knows_and_passes_on(connection: Connection) -> None:
    one, other = Process(PEER.node_id), Process(FOURTH.node_id)
    first = [signed(line(n, OTHER.node_id, 1)) for n in range(3)]
    one.hear(first)
    one.share(connection, 0)
    other.gossip.hear(connection)
    assert other.said == other.gossip.exported() == first
    assert other.gossip.fresh == {}, "it comes from where it would be told"
    newer = signed(line(1, OTHER.node_id, 2))
    other.hear([newer])
    other.share(connection, 1)
    one.gossip.hear(connection)
    assert set(one.gossip.exported()) == set(other.gossip.exported()) >= {newer}
    assert stored(connection) == 3


def test_a_rate_counts_once_for_all_processes(connection: Connection) -> None:
    """What one of them let in, the others take as it is."""
    few = GossipLimits(burst=2, per_origin_per_min=60)
    one, other = Process(PEER.node_id), Process(FOURTH.node_id, few)
    one.hear([signed(line(n, OTHER.node_id, 1)) for n in range(5)])
    one.share(connection, 0)
    other.gossip.hear(connection)
    assert len(other.gossip.exported()) == 5


def test_what_is_pushed_out_leaves_the_store(connection: Connection) -> None:
    """Else whoever invents lines fills our disk for a day, whatever memory we allow."""
    one = Process(PEER.node_id, GossipLimits(per_origin=4))
    total = 0
    for turn in range(3):
        numbers = range(10 * turn, 10 * turn + 10)
        one.hear([signed(line(n, OTHER.node_id, 1)) for n in numbers])
        one.share(connection, turn)
        total += len(numbers)
        assert stored(connection) == len(one.gossip.exported()) == 4
    other = Process(FOURTH.node_id)
    other.gossip.hear(connection)
    assert set(other.gossip.exported()) == set(one.gossip.exported())
    assert one.gossip.figures().evicted > 0 and total == 30
