"""Lanes: in turns, each at its pace, and nothing read on before it was taken."""

from collections.abc import Callable

import pytest
import trio
import trio.testing

from proto.keys import NodeId
from runtime.clock import FakeClock
from runtime.intake import SIGNED_BYTES, TURN_CHECKS, Intake
from runtime.transport import BatchArrived, GossipArrived, LinkCause, LinkDown, LinkEvent, LinkUp

J, P = NodeId(b"\1" * 32), NodeId(b"\2" * 32)
SECOND = 1_000_000


def batch(peer: NodeId, first: int = 1, size: int = 1) -> BatchArrived:
    return BatchArrived(peer, 1, first, (b"",) * size, 0)


def nothing() -> None:
    """Nobody waits to read on."""


def drained(intake: Intake) -> list[LinkEvent]:
    found = []
    while (event := intake.take()) is not None:
        found.append(event)
    return found


def counter() -> tuple[list[int], Callable[[], None]]:
    calls: list[int] = []
    return calls, lambda: calls.append(1)


def test_each_neighbour_in_its_turn_and_its_own_order() -> None:
    intake = Intake(FakeClock(), 1000)
    for first in (1, 2, 3):
        intake.put(batch(J, first), nothing)
    for first in (1, 2):
        intake.put(batch(P, first), nothing)
    order = [(e.peer, e.first) for e in drained(intake) if isinstance(e, BatchArrived)]
    assert order == [(J, 1), (P, 1), (J, 2), (P, 2), (J, 3)]
    assert intake.wait_us() is None


def test_a_flood_leaves_the_others_their_turns() -> None:
    intake = Intake(FakeClock(), 1_000_000)
    for first in range(10_000):
        intake.put(batch(J, first), nothing)
    assert intake.take() == batch(J, 0)
    intake.put(batch(P), nothing)
    assert [intake.take(), intake.take()] == [batch(J, 1), batch(P)]


def test_links_come_and_go_in_order_with_their_frames_and_cost_nothing() -> None:
    clock = FakeClock()
    intake = Intake(clock, 1)
    events: list[LinkEvent] = [LinkUp(J, 1, 0, 0), batch(J), LinkDown(J, 1, LinkCause.LOST)]
    for event in events:
        intake.put(event, nothing)
    assert drained(intake) == events


def test_a_neighbour_above_its_rate_waits_and_no_other_does() -> None:
    clock = FakeClock()
    intake = Intake(clock, 100)
    for first in range(0, 1000, 50):
        intake.put(batch(J, first, 50), nothing)
    assert len(drained(intake)) == 3, "a second's worth, and the one that goes beyond it"
    assert intake.wait_us() == SECOND // 2
    intake.put(batch(P), nothing)
    assert intake.wait_us() == 0
    assert drained(intake) == [batch(P)]
    clock.advance(SECOND // 2)
    assert intake.wait_us() == 0
    assert len(drained(intake)) == 1
    taken = 0
    for _ in range(20):
        clock.advance(SECOND // 4)
        taken += len(drained(intake))
    assert taken == 10, "in the long run 100 messages a second: 500 in five seconds"


def test_what_was_not_used_does_not_pile_up() -> None:
    clock = FakeClock()
    intake = Intake(clock, 100)
    clock.advance(3600 * SECOND)
    for first in range(0, 1000, 50):
        intake.put(batch(J, first, 50), nothing)
    assert len(drained(intake)) == 3


def test_empty_batches_and_adverts_count() -> None:
    intake = Intake(FakeClock(), 10)
    for _ in range(100):
        intake.put(batch(J, size=0), nothing)
        intake.put(GossipArrived(P, 1, (b"advert",) * 5), nothing)
    found = drained(intake)
    assert len([e for e in found if e.peer == J]) == 11
    assert len([e for e in found if e.peer == P]) == 3


@pytest.mark.parametrize(
    ("event", "checks"),
    [
        (GossipArrived(P, 1, ()), 1),
        (GossipArrived(P, 1, (b"x" * (SIGNED_BYTES - 1),)), 1),
        (GossipArrived(P, 1, (b"x" * (3 * SIGNED_BYTES), b"x")), 5),
        (GossipArrived(P, 1, (), b"a turn"), TURN_CHECKS),
        (GossipArrived(P, 1, (b"x",), b"a turn"), TURN_CHECKS + 1),
    ],
)
def test_gossip_counts_by_what_it_may_cost(event: GossipArrived, checks: int) -> None:
    """A record with a hundred signatures is no line, and a turn may ask for half a megabyte."""
    clock = FakeClock()
    intake = Intake(clock, 1000)
    for _ in range(3000):
        intake.put(event, nothing)
    assert len(drained(intake)) == -(-1001 // checks)


def test_a_stepped_wall_clock_changes_nothing() -> None:
    clock = FakeClock(now_us=SECOND)
    intake = Intake(clock, 100)
    for first in range(0, 1000, 50):
        intake.put(batch(J, first, 50), nothing)
    drained(intake)
    for step_us in (3600 * SECOND, 1):
        clock.set_now(step_us)
        assert intake.take() is None and intake.wait_us() == SECOND // 2


def test_a_stream_is_read_on_only_when_its_frame_was_taken() -> None:
    intake = Intake(FakeClock(), 1)
    calls, taken = counter()
    for first in range(5):
        intake.put(batch(J, first, 3), taken)
    assert not calls
    drained(intake)
    assert len(calls) == 1, "the others wait, unread"
    rest = list(intake.clear())
    assert len(rest) == 4 and len(calls) == 5
    assert intake.take() is None and intake.wait_us() is None


async def test_next_waits_for_an_arrival_and_for_the_pace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    class Time(FakeClock):
        def monotonic_us(self) -> int:
            return round(trio.current_time() * SECOND)

    intake = Intake(Time(), 10)
    times: list[float] = []

    async def take() -> None:
        for _ in range(3):
            await intake.next()
            times.append(round(trio.current_time() - began, 3))

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await trio.sleep(5)
        intake.put(batch(J, size=30), nothing)
        intake.put(batch(J, size=30), nothing)
        intake.put(batch(J, size=30), nothing)
    assert times == [5, 7, 10], "30 messages are three seconds of ten, one of them given ahead"
