"""What one neighbour may hold of a node, and what the others still get."""

from dataclasses import replace

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest
from node.command.sim.cores.plan import (
    Route,
    assert_books_mirror,
    ended,
    make_request,
    open_line,
    pay,
    payment_of,
    terms,
)
from node.command.sim.cores.world import Deliver, World
from node.core.caps import Load, check_caps, load_of, lock_s_ceil
from node.core.rows import Direction, PaymentPhase, PromisePhase
from node.core.view import Settings, Step
from proto.levels import Level
from proto.messages import Abandon
from proto.money import Brand
from proto.reason import Reason

ATOMIC = (Level.ATOMIC, Level.ATOMIC)
AMOUNT = 1000
LOCK_S = 10  # of an ATOMIC promise: until D


@pytest.mark.parametrize(
    ("made", "until", "lock"),
    [(0, 0, 0), (5, 4, 0), (0, 1, 1), (0, SECOND, 1), (0, SECOND + 1, 2), (NOW_US, NOW_US, 0)],
)
def test_a_lock_is_rounded_against_whoever_locks(made: int, until: int, lock: int) -> None:
    assert lock_s_ceil(made, until) == lock


@pytest.mark.parametrize(
    ("level", "lock"), [(Level.ATOMIC, 10), (Level.BARE, 2), (Level.SECURED, 10), (Level.PROXY, 2)]
)
def test_what_a_promise_weighs(level: Level, lock: int) -> None:
    expiry = 0 if level is Level.ATOMIC else 2 * SECOND
    assert load_of(7, level, expiry, 10 * SECOND, 0) == Load(1, 7, 7 * lock)


def town(**caps: int) -> World:
    """J and P are neighbours of A, A of Q. A has these caps."""
    world = World()
    for name in "JPAQ":
        world.add(name, lambda node, name=name: terms(node, **(caps if name == "A" else {})))
    for one, other in ("JA", "PA", "AQ"):
        open_line(world, one, other)
    return world


def hold_up(world: World, payer: str, amount: int = AMOUNT, level: Level = Level.ATOMIC) -> bool:
    """A payment that nobody will sign: whether its promise stands at the node after the payer."""
    request = make_request(world, "Q", amount, manual=True)
    attempt = pay(world, [Route((payer, "A", "Q"), (level, level), amount)], request)
    world.quiet()
    return payment_of(world, payer, attempt).phase is PaymentPhase.PROMISED


def jammed(world: World, payer: str, most: int = 50, **options: int) -> int:
    """How many such payments stand before the first is refused."""
    count = 0
    while count < most and hold_up(world, payer, **options):
        count += 1
    return count


def refusals(world: World, name: str) -> set[Reason]:
    return {p.because.reason for p in world.promises(name) if p.because is not None}


def test_one_neighbour_passes_on_half_of_what_one_may_hold() -> None:
    world = town(max_pending_count=8)
    assert jammed(world, "J") == 4
    assert refusals(world, "J") == {Reason.PENDING_FULL}
    assert world.line("A", "Q").count_out == 4


def test_what_one_neighbour_fills_another_one_does_not_feel() -> None:
    """The same messages, the same steps, the same end as where nobody jams."""
    calm, jam = town(max_pending_count=8), town(max_pending_count=8)
    jammed(jam, "J")
    told = []
    for world in (calm, jam):
        before = len(world.trace)
        attempt = pay(world, [Route("PAQ", ATOMIC, AMOUNT)])
        world.quiet()
        assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
        told.append(world.trace[before:])
    assert told[0] == told[1]


def test_a_cap_counts_over_all_lines_with_a_neighbour() -> None:
    world = town(max_pending_count=8)
    assert jammed(world, "J", 3) == 3
    one = world.line("A", "J")
    euro = replace(one, id=bytes(16), brand=Brand(digest("EUR")[:16], "EUR"), count_in=4)
    books = world.nodes["A"].books
    for fresh, passed_on, reason in ((1, False, None), (2, False, 7), (1, True, 7)):
        step = Step(books, world.now_us)
        books.write([euro])
        refusal = check_caps(step, one, Direction.IN, Load(fresh), passed_on=passed_on)
        assert (refusal and refusal.figure) == reason


def test_what_is_delivered_here_may_use_the_whole_cap() -> None:
    world = town(max_pending_count=8)
    for number in range(9):
        request = make_request(world, "A", AMOUNT, manual=True)
        attempt = pay(world, [Route("JA", ATOMIC[:1], AMOUNT)], request)
        world.quiet()
        stands = payment_of(world, "J", attempt).phase is PaymentPhase.PROMISED
        assert stands == (number < 8)


@pytest.mark.parametrize(
    ("caps", "stand"),
    [
        ({"max_pending_amount": 3 * AMOUNT}, 3),
        ({"max_pending_amount": 3 * AMOUNT - 1}, 2),
        ({"max_held_value_s": 2 * AMOUNT * LOCK_S}, 2),
        ({"max_held_value_s": 2 * AMOUNT * LOCK_S - 1}, 1),
        ({"max_held_value_s": AMOUNT}, 0),
    ],
)
def test_value_and_value_seconds_are_capped(caps: dict[str, int], stand: int) -> None:
    world = town(**caps)
    assert jammed(world, "J") == stand
    assert refusals(world, "J") == {Reason.PENDING_FULL}


def test_the_caps_bind_what_a_node_promises_too() -> None:
    """The payer's own promises, and those of a node in the middle on the line ahead."""
    for caps in ({"max_pending_amount": AMOUNT}, {"max_held_value_s": AMOUNT * LOCK_S}):
        world = town()
        world.nodes["P"].books.settings = terms(world.nodes["P"].id, **caps)
        assert hold_up(world, "P")
        with pytest.raises(AssertionError, match="PENDING_FULL"):
            hold_up(world, "P")
        world = town()
        assert hold_up(world, "J")
        # From here on A admits more from each neighbour than onto the line ahead.
        world.nodes["A"].books.settings = terms(world.nodes["A"].id, **caps)
        assert not hold_up(world, "P")
        assert refusals(world, "P") == {Reason.PENDING_FULL}


def test_chains_of_one_payment_are_weighed_together() -> None:
    world = town()
    caps: dict[str, dict[str, int]] = {
        "number": {"max_pending_count": 1},
        "sum": {"max_pending_amount": 2 * AMOUNT - 1},
        "value-seconds": {"max_held_value_s": 2 * AMOUNT * LOCK_S - 1},
    }
    for name, cap in caps.items():
        world = town()
        own: Settings = terms(world.nodes["P"].id, **cap)
        world.nodes["P"].books.settings = own
        request = make_request(world, "Q", 2 * AMOUNT)
        with pytest.raises(AssertionError, match="PENDING_FULL"):
            pay(world, [Route("PAQ", ATOMIC, AMOUNT)] * 2, request)
        assert not world.promises("P"), name


def test_every_end_gives_the_room_back() -> None:
    world = town(max_pending_count=8)
    assert jammed(world, "J") == 4
    world.run(world.now_us + 20 * SECOND)
    assert ended(world)
    assert {p.phase for p in world.promises("A")} == {
        PromisePhase.ABORTED,
        PromisePhase.REFUSED,
    } - {PromisePhase.REFUSED}
    line = world.line("A", "J")
    assert (line.count_in, line.pending_in, line.held_in) == (0, 0, 0)
    assert_books_mirror(world)
    assert jammed(world, "J") == 4


@pytest.mark.parametrize("level", [Level.ATOMIC, Level.SECURED, Level.BARE])
def test_value_seconds_are_those_of_the_rows(level: Level) -> None:
    """`check` runs after every step: sums on the line are what its promises say."""
    world = town()
    assert jammed(world, "J", 3, level=level) == 3
    held = world.line("A", "J").held_in
    assert held >= 3 * AMOUNT * 2
    world.run(world.now_us + 60 * SECOND)
    assert world.line("A", "J").held_in == 0


def test_what_a_neighbour_repeats_is_passed_on_once() -> None:
    """Else it would fill another one's outbox at our expense."""
    world = town()
    assert hold_up(world, "J")
    (held,) = [p for p in world.promises("A") if p.direction is Direction.IN]
    for _ in range(50):
        world.post("J", "A", Abandon(held.id))
    before = len(world.trace)
    while world.choices()[:1] == [Deliver("J", "A")] or before == len(world.trace):
        world.do(world.choices()[0])
    assert len(world.nodes["A"].outbox["Q"].messages) <= 2
    world.quiet()
    assert [line for line in world.trace if line == "A to Q: Abandon"] == ["A to Q: Abandon"]
