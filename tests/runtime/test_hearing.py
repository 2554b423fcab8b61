"""Which events reach gossip, and which the daemon itself; who is told nothing."""

from collections.abc import Iterable
from typing import cast

import pytest
import trio
import trio.testing

from proto.keys import NodeId
from runtime.gossip import Gossip
from runtime.hearing import Hearing
from runtime.transport import (
    BatchArrived,
    GossipArrived,
    GossipWish,
    LinkCause,
    LinkDown,
    LinkEvent,
    LinkUp,
    Taken,
)

PEER = NodeId(b"p" * 32)


class Ears:
    """A gossip that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.news_waits = trio.Event()

    def greet(self, peer: NodeId, link: int, wish: GossipWish, now_us: int) -> None:
        self.told.append(("greet", peer, link, wish.name, now_us))

    def parted(self, peer: NodeId, link: int) -> None:
        self.told.append(("parted", peer, link))

    def arrived(self, peer: NodeId, link: int, adverts: Iterable[bytes], now_us: int) -> bool:
        self.told.append(("arrived", peer, link, *adverts, now_us))
        return True

    def compared(self, peer: NodeId, link: int, data: bytes, now_us: int) -> None:
        self.told.append(("compared", peer, link, data, now_us))

    def release(self, now_us: int) -> None:
        """Nothing waits."""


class StoppedClock:
    def now_us(self) -> int:
        return 7

    def monotonic_us(self) -> int:
        return 0

    def error_us(self) -> int:
        return 0


class Daemon:
    """Writes down what is for itself, and what it has let go."""

    def __init__(self) -> None:
        self.events: list[LinkEvent] = []
        self.ears = Ears()
        self.taken = 0

    def other(self, event: LinkEvent, taken: Taken) -> None:
        self.events.append(event)
        taken()

    def take(self) -> None:
        self.taken += 1

    def hearing(self, *, welcome: bool = True) -> Hearing:
        gossip = cast(Gossip, self.ears)
        return Hearing(gossip, StoppedClock(), 10, self.other, welcome=welcome)


@pytest.mark.parametrize("welcome", [True, False])
async def test_events_go_where_they_belong(welcome: bool, nursery: trio.Nursery) -> None:
    daemon = Daemon()
    hearing = daemon.hearing(welcome=welcome)
    nursery.start_soon(hearing.run)
    events: list[LinkEvent] = [
        LinkUp(PEER, 1, 0, 0, GossipWish.COMPARED),
        GossipArrived(PEER, 1, (b"a", b"b"), b"s"),
        BatchArrived(PEER, 1, 1, (b"m",), 0),
        LinkDown(PEER, 1, LinkCause.LOST),
    ]
    for event in events:
        hearing.heard(event, daemon.take)
    await trio.testing.wait_all_tasks_blocked()
    assert daemon.events == [events[0], events[2], events[3]]
    assert daemon.taken == len(events), "whatever is not looked at does not stop the stream either"
    heard = [("arrived", PEER, 1, b"a", b"b", 7), ("compared", PEER, 1, b"s", 7)]
    # Whoever hears nothing has nothing to compare, and says what is its own.
    wish = "COMPARED" if welcome else "EVERYTHING"
    greeted = [("greet", PEER, 1, wish, 7), ("parted", PEER, 1)]
    assert daemon.ears.told == [*greeted, *(heard if welcome else [])]


@pytest.mark.parametrize("welcome", [True, False])
@pytest.mark.parametrize("wish", [GossipWish.NOTHING, GossipWish.EVERYTHING])
async def test_other_wishes_are_what_they_are(wish: GossipWish, welcome: bool) -> None:
    daemon = Daemon()
    daemon.hearing(welcome=welcome).heard(LinkUp(PEER, 1, 0, 0, wish), daemon.take)
    assert daemon.ears.told == [("greet", PEER, 1, wish.name, 7)] and len(daemon.events) == 1
