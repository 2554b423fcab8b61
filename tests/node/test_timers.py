"""When rows are looked at again, and that nobody is woken for those that need it no more."""

from node.core.due import ACCEPT_DELAY_US
from node.core.rows import Direction, Promise, PromisePhase, replace
from node.timers import Timers
from proto.keys import NodeId
from proto.levels import Level

PEER = NodeId(b"p" * 32)


def offered(number: int) -> Promise:
    """A promise that we hold: it is acknowledged a second after it was made."""
    return Promise(
        PEER, bytes([number]) * 16, Direction.IN, b"l" * 16, PEER, b"c" * 32, 1, Level.ATOMIC, 0,
        PromisePhase.OFFERED, made_at_us=number,
    )  # fmt: skip


def test_rows_come_in_the_order_of_their_times_and_once() -> None:
    timers = Timers()
    timers.load([offered(3), offered(1), offered(2)])
    assert timers.next_us == 1 + ACCEPT_DELAY_US
    assert timers.take(ACCEPT_DELAY_US) is None
    now_us = 2 + ACCEPT_DELAY_US
    assert [timers.take(now_us), timers.take(now_us)] == [offered(1).key, offered(2).key]
    assert timers.take(now_us) is None
    assert timers.next_us == 3 + ACCEPT_DELAY_US


def test_a_row_that_has_ended_wakes_nobody() -> None:
    timers = Timers()
    for number in (1, 2, 3):
        timers.plan(offered(number))
    for number in (1, 2):
        timers.plan(replace(offered(number), phase=PromisePhase.REDEEMED))
    assert timers.next_us == 3 + ACCEPT_DELAY_US
    timers.plan(replace(offered(3), phase=PromisePhase.REDEEMED))
    assert timers.next_us is None


def test_a_row_that_waits_anew_is_due_at_its_new_time_alone() -> None:
    timers = Timers()
    timers.plan(offered(1))
    accepted = replace(offered(1), phase=PromisePhase.ACCEPTED, level=Level.BARE)
    timers.plan(replace(accepted, expires_at_us=50 * ACCEPT_DELAY_US))
    first_us = timers.next_us
    assert first_us is not None and first_us > 50 * ACCEPT_DELAY_US
    assert timers.take(2 * ACCEPT_DELAY_US) is None
    assert timers.take(first_us) == offered(1).key
