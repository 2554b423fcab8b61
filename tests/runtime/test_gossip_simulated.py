"""Thirty nodes that gossip over links that come, go and lose what is on its way: all end equal."""

import random
from collections import deque

import pytest
import trio

from proto.keys import NodeId, SigningKey
from runtime.clock import FakeClock
from runtime.gossip import Gossip
from runtime.gossip_limits import GossipLimits
from runtime.transport import (
    GossipArrived,
    GossipWish,
    LinkDown,
    LinkEvent,
    LinkUp,
    PeerEndpoint,
)
from runtime.transport_memory import MemoryNetwork, MemoryTransport
from tests.runtime.gossiping import HOUR_US, NOW_US, content_of, line, node_advert

NODES, STEPS = 30, 1500
SECOND_US = 1_000_000
SOMEWHERE = PeerEndpoint(b"", None)
LIMITS = GossipLimits(burst=3, per_origin_per_min=6)  # so that some wait


class Node:
    """One store, and what its transport has brought and nobody has looked at."""

    def __init__(self, world: "World", number: int, wish: GossipWish) -> None:
        self.key = SigningKey(bytes([number + 1]) * 32)
        self.id = self.key.node_id
        self.world = world
        self.wish = wish
        self.inbox: deque[LinkEvent] = deque()
        self.links: dict[NodeId, int] = {}
        self.begin()

    def begin(self) -> None:
        """Also after a crash: it knows nothing any more."""
        self.transport: MemoryTransport = self.world.network.join(
            self.id, lambda _: (0, 0), self.wish
        )
        self.gossip = Gossip(
            self.transport,
            lambda peer, cause: self.transport.drop(peer, self.links[peer], cause),
            self.key,
            lambda _: None,
            LIMITS,
        )
        self.inbox.clear()
        self.links.clear()
        # A start is news, as Advertiser has it; its lines come when they change.
        now_us = self.world.clock.now_us()
        self.gossip.say([node_advert(self.key, self.gossip.sequence(now_us))], now_us)

    def collect(self) -> None:
        try:
            while True:
                self.inbox.append(self.transport.receive_nowait())
        except trio.WouldBlock:
            pass

    def step(self) -> None:
        event = self.inbox.popleft()
        now_us = self.world.clock.now_us()
        match event:
            case LinkUp():
                self.links[event.peer] = event.link
                # Who knows no comparison ignores the other's wish as well.
                wish = event.gossip if self.wish is GossipWish.COMPARED else self.wish
                self.gossip.greet(event.peer, event.link, wish, now_us)
            case LinkDown():
                self.gossip.parted(event.peer, event.link)
            case GossipArrived() if self.links.get(event.peer) == event.link:
                assert self.gossip.arrived(event.peer, event.link, event.adverts, now_us)
                if event.sync:
                    self.world.turns += 1
                    self.gossip.compared(event.peer, event.link, event.sync, now_us)
            case _:
                pass

    def say(self, rng: random.Random) -> None:
        """Of its own node, or of one of its lines."""
        now_us = self.world.clock.now_us()
        sequence = self.gossip.sequence(now_us)
        if rng.random() < 0.1:
            self.gossip.say([node_advert(self.key, sequence)], now_us)
        else:
            advert = line(rng.randrange(8), self.id, sequence, rng.randrange(100), NOW_US + HOUR_US)
            self.gossip.say([advert], now_us)


class World:
    """A ring with chords, so that one cut parts nobody, and a seed."""

    def __init__(self, seed: int, old: int) -> None:
        self.rng = random.Random(seed)
        self.clock = FakeClock(NOW_US)
        self.network = MemoryNetwork()
        self.turns = 0  # of comparisons
        self.lost = 0  # frames
        wishes = [GossipWish.EVERYTHING] * old + [GossipWish.COMPARED] * (NODES - old)
        self.rng.shuffle(wishes)
        self.nodes = [Node(self, number, wish) for number, wish in enumerate(wishes)]
        ring = [(n, (n + 1) % NODES) for n in range(NODES)]
        chords = [tuple(self.rng.sample(range(NODES), 2)) for _ in range(NODES // 2)]
        self.pairs = sorted({(min(p), max(p)) for p in [*ring, *chords]})
        for node in self.nodes:
            self.meet(node)

    def meet(self, node: Node) -> None:
        here = self.nodes.index(node)
        peers = [b if a == here else a for a, b in self.pairs if here in (a, b)]
        node.transport.set_peers({self.nodes[p].id: SOMEWHERE for p in peers})

    def disturb(self) -> None:
        """One thing at random: news, a link that goes or comes, a node that loses all."""
        pair = [self.nodes[n] for n in self.rng.choice(self.pairs)]
        one, other = (node.id for node in pair)
        match self.rng.randrange(20):
            case 0 | 1:
                self.lose(*pair)
                self.network.cut(one, other)
            case 2 | 3:
                self.network.restore(one, other)
            case 4 | 5:
                self.lose(*pair)
                self.network.reconnect(one, other)
            case 6 if self.rng.random() < 0.2:
                node = self.rng.choice(self.nodes)
                node.begin()
                self.meet(node)
            case _:
                self.rng.choice(self.nodes).say(self.rng)

    def lose(self, one: Node, other: Node) -> None:
        """The link is about to end: each hears some of what the other has said, up to a point."""
        for node, peer in ((one, other), (other, one)):
            node.collect()
            said = [e for e in node.inbox if isinstance(e, GossipArrived) and e.peer == peer.id]
            gone = {id(event) for event in said[self.rng.randint(0, len(said)) :]}
            self.lost += len(gone)
            node.inbox = deque(event for event in node.inbox if id(event) not in gone)

    def work(self, count: int) -> bool:
        """Some nodes look at some of what has come; whether there was anything."""
        busy = False
        for node in self.nodes:
            node.collect()
            for _ in range(min(count, len(node.inbox))):
                busy = True
                node.step()
        return busy

    def settle(self) -> None:
        """All links are up, all that waits is heard."""
        for a, b in self.pairs:
            self.network.restore(self.nodes[a].id, self.nodes[b].id)
        for _ in range(600):
            while self.work(1000):
                pass
            if not any(node.gossip.figures().waiting for node in self.nodes):
                return
            self.clock.advance(SECOND_US)
            for node in self.nodes:
                node.gossip.release(self.clock.now_us())
        raise AssertionError("it does not come to rest")


@pytest.mark.parametrize(("seed", "old"), [(1, 0), (2, 0), (3, 10), (4, 30)])
def test_thirty_nodes_end_equal(seed: int, old: int) -> None:
    """`old`: how many of them know no comparison and say everything at each greeting."""
    world = World(seed, old)
    for _ in range(STEPS):
        world.disturb()
        world.clock.advance(world.rng.randrange(SECOND_US // 4))
        if world.rng.random() < 0.5:
            world.work(world.rng.randrange(4))
            node = world.rng.choice(world.nodes)
            node.gossip.release(world.clock.now_us())
    world.settle()
    contents = [content_of(node.gossip.exported()) for node in world.nodes]
    assert len(contents[0]) > NODES * 5
    for known in contents:
        differing = {k for k in known | contents[0] if known.get(k) != contents[0].get(k)}
        assert not differing
    assert (world.turns > 0) == (old < NODES)
    figures = [node.gossip.figures() for node in world.nodes]
    assert {f.waiting for f in figures} == {f.refused for f in figures} == {0}
    assert world.lost > 20 and sum(f.limited for f in figures) > 20
    assert sum(f.compared for f in figures) > 20 or old == NODES
