"""What gossip needs beside the links: frames heard in portions, and what waits let go in time."""

from collections.abc import Sequence
from typing import cast

import pytest
import trio
import trio.testing

from proto.adverts import Advert
from proto.gossip_sync import MAX_SYNC_BYTES, Ask
from proto.keys import NodeId
from proto.v1 import node_pb2
from runtime.clock import FakeClock
from runtime.gossip import Gossip
from runtime.gossip_limits import GossipLimits
from runtime.gossip_turns import PAUSE_US, run_gossip
from runtime.link import parse_frame
from runtime.transport import (
    ALL_ADMITTED,
    GossipArrived,
    GossipWish,
    LinkCause,
    LinkEvent,
    Transport,
)
from tests.runtime.gossiping import FOURTH, NOW_US, OTHER, OURS, PEER, line, signed

US = 1_000_000
THIRD = FOURTH.node_id


class TrioClock(FakeClock):
    """The wall clock goes as trio's does."""

    def now_us(self) -> int:
        return NOW_US + round(trio.current_time() * US) - self.began_us

    began_us = 0


class Wire:
    """Remembers what went out, when, and who was cut off."""

    def __init__(self) -> None:
        self.said: list[tuple[NodeId, int]] = []
        self.turns = 0
        self.dropped: list[NodeId] = []

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        self.said += [(peer, len(data)) for data in adverts]

    def sync(self, peer: NodeId, link: int, data: bytes) -> None:
        self.turns += 1

    def drop(self, peer: NodeId, cause: LinkCause) -> None:
        self.dropped.append(peer)


class Stage:
    """Gossip as a daemon runs it: events come through a channel."""

    def __init__(self, limits: GossipLimits | None = None) -> None:
        self.clock = TrioClock()
        self.clock.began_us = round(trio.current_time() * US)
        self.wire = Wire()
        self.observed: list[Advert] = []
        self.gossip = Gossip(
            cast(Transport, self.wire), self.wire.drop, OURS, self.observed.append, limits
        )
        self.gossip.greet(PEER.node_id, 1)
        self.gossip.greet(THIRD, 2)
        self.send, self._receive = trio.open_memory_channel[LinkEvent](100)

    async def run(self) -> None:
        await run_gossip(self.gossip, self._receive.receive, self.clock)


def flood(count: int) -> tuple[bytes, ...]:
    return tuple(signed(line(1, OTHER.node_id, n, n)) for n in range(1, count + 1))


async def test_what_waits_goes_out_in_time_and_in_company(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Sixty a minute: the newest of a line that changed ten times follows a second later."""
    stage = Stage(GossipLimits(burst=1, per_origin_per_min=60))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        await stage.send.send(GossipArrived(PEER.node_id, 1, flood(10)))
        await trio.sleep(0.9)
        assert [advert.sequence for advert in stage.observed] == [1]
        await trio.sleep(1 + PAUSE_US / US)
        assert [advert.sequence for advert in stage.observed] == [1, 10]
        await trio.sleep(100)
        assert len(stage.observed) == 2
        assert [peer for peer, _ in stage.wire.said] == [THIRD, PEER.node_id, THIRD]
        await stage.send.send(GossipArrived(PEER.node_id, 1, flood(12)[-2:]))
        await trio.sleep(5)
        assert [advert.sequence for advert in stage.observed] == [1, 10, 11, 12]
        nursery.cancel_scope.cancel()


async def test_nothing_is_heard_after_poison(autojump_clock: trio.testing.MockClock) -> None:
    """Neither of the rest of its portion, nor of the frame, nor its turn."""
    stage = Stage()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stage.run)
        good = flood(80)
        frame = (*good[:40], b"poison", *good[40:])
        ask = Ask(1).encode()
        await stage.send.send(GossipArrived(PEER.node_id, 1, frame, ask))
        await trio.sleep(1)
        assert stage.wire.dropped == [PEER.node_id]
        assert len(stage.observed) == 40 and stage.wire.turns == 0
        await stage.send.send(GossipArrived(THIRD, 2, good[40:], ask))
        await trio.sleep(1)
        assert len(stage.observed) == 80 and stage.wire.turns == 1
        nursery.cancel_scope.cancel()


async def test_a_turn_of_a_link_that_is_over_is_not_answered() -> None:
    stage = Stage()
    stage.gossip.parted(PEER.node_id, 1)
    stage.gossip.compared(PEER.node_id, 1, b"not even a turn", NOW_US)
    stage.gossip.greet(PEER.node_id, 3)
    stage.gossip.compared(PEER.node_id, 1, Ask(1).encode(), NOW_US)
    assert (stage.wire.turns, stage.wire.dropped) == (0, [])
    stage.gossip.compared(PEER.node_id, 3, Ask(1).encode(), NOW_US)
    assert stage.wire.turns == 1


async def test_whoever_asks_is_told_of_what_is_forgotten() -> None:
    stage = Stage(GossipLimits(adverts=2))
    gone: list[bytes] = []
    stage.gossip.on_forgotten = lambda advert: gone.append(advert.key[1])
    expiring = line(9, OTHER.node_id, expires_at_us=NOW_US + 5)
    stage.gossip.take([signed(expiring), *flood(3)], NOW_US)
    assert gone == [], "what is replaced is not forgotten"
    stage.gossip.forget_expired(NOW_US + 5)
    assert gone == [expiring.key[1]]


# ---------------------------------------------------------------- frames


@pytest.mark.parametrize(
    ("number", "wish"),
    [
        (0, GossipWish.EVERYTHING),
        (1, GossipWish.COMPARED),
        (2, GossipWish.NOTHING),
        (3, GossipWish.EVERYTHING),
        (2**32 - 1, GossipWish.EVERYTHING),
    ],
)
def test_an_unknown_wish_is_one_for_everything(number: int, wish: GossipWish) -> None:
    assert GossipWish.of(number) is wish


@pytest.mark.parametrize(
    ("size", "fault"), [(MAX_SYNC_BYTES, None), (MAX_SYNC_BYTES + 1, LinkCause.FRAME_TOO_BIG)]
)
def test_a_turn_has_its_size(size: int, fault: LinkCause | None) -> None:
    frame = node_pb2.Frame(gossip=node_pb2.Gossip(adverts=[b"a"], sync=bytes(size)))
    read = parse_frame(THIRD, 1, frame.SerializeToString(), ALL_ADMITTED)
    assert read == (fault or GossipArrived(THIRD, 1, (b"a",), bytes(size)))
