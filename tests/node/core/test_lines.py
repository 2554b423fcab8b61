"""Lines of credit: opened once, changed for new promises only, closed for good."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.command.sim.cast import digest
from node.command.sim.cores.plan import (
    USD,
    Route,
    answered,
    assert_books_mirror,
    balance,
    chain_world,
    open_line,
    pay,
    refused,
    terms,
)
from node.command.sim.cores.world import World
from node.core.events import AcceptLine, ChangeLimit, CloseLine, OfferLine
from node.core.invariants import check, check_step
from node.core.line import MAX_ASKED_LINES
from node.core.rows import (
    Key,
    Line,
    LinePhase,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Role,
    Row,
    Transaction,
)
from proto.envelope import Envelope
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.messages import Body, LineClose, LineOffer, decode
from proto.money import Brand
from proto.reason import Reason, Refusal


def couple() -> World:
    world = World()
    world.add("A", terms)
    world.add("B", terms)
    return world


def offer(world: World, name: str, peer: str, line: bytes, limit: int = 100) -> OfferLine:
    return OfferLine(world.now_us, line, world.nodes[peer].id, USD, limit)


def test_a_line_opens_with_a_limit_for_each_direction() -> None:
    world = couple()
    line = bytes(15) + b"1"
    answered(world.event("A", offer(world, "A", "B", line, 100)))
    world.acknowledged()
    assert world.line("B", "A").phase is LinePhase.ASKED
    answered(world.event("B", AcceptLine(world.now_us, line, 30)))
    answered(world.event("B", AcceptLine(world.now_us, line, 30)))  # twice is once
    world.acknowledged()
    a, b = world.line("A", "B"), world.line("B", "A")
    assert a.phase is b.phase is LinePhase.OPEN
    assert (a.available_out, a.available_in) == (30, 100)
    assert (b.available_out, b.available_in) == (100, 30)


def test_what_the_owner_cannot_do_with_lines() -> None:
    world = couple()
    line = open_line(world, "A", "B")
    exists, unknown = Refusal(Reason.LINE_EXISTS), Refusal(Reason.LINE_UNKNOWN)
    state = Refusal(Reason.LINE_STATE)
    now_us = world.now_us
    assert refused(world.event("A", offer(world, "A", "B", bytes(16)))) == exists
    assert refused(world.event("A", offer(world, "A", "A", bytes(16)))) == exists
    for event in (AcceptLine, ChangeLimit):
        assert refused(world.event("A", event(now_us, bytes(16), 1))) == unknown
    assert refused(world.event("A", CloseLine(now_us, bytes(16)))) == unknown
    assert refused(world.event("A", AcceptLine(now_us, line, 5))) == state
    answered(world.event("A", CloseLine(now_us, line)))
    assert refused(world.event("A", ChangeLimit(now_us, line, 5))) == state
    # An id is used once: its books live on after the line is closed.
    assert refused(world.event("A", offer(world, "A", "B", line))) == exists


@pytest.mark.parametrize("first", ["A", "B"])
def test_crossing_offers_become_one_line(first: str) -> None:
    world = couple()
    small, great = bytes(16), bytes([1] * 16)
    ids = {"A": small, "B": great} if first == "A" else {"A": great, "B": small}
    answered(world.event("A", offer(world, "A", "B", ids["A"], 70)))
    answered(world.event("B", offer(world, "B", "A", ids["B"], 50)))
    world.acknowledged()
    opened = [[x for x in world.lines(n) if x.phase is LinePhase.OPEN] for n in "AB"]
    assert [[x.id for x in lines] for lines in opened] == [[small], [small]]
    assert (opened[0][0].available_out, opened[1][0].available_out) == (50, 70)
    assert not world.faults


def test_offers_without_end_are_closed() -> None:
    world = couple()
    for i in range(MAX_ASKED_LINES + 3):
        brand = Brand(digest(f"brand {i}")[:16], f"B{i}")
        line = digest(f"line {i}")[:16]
        world.event("A", OfferLine(world.now_us, line, world.nodes["B"].id, brand, 5))
    world.acknowledged()
    assert len(world.lines("B")) == MAX_ASKED_LINES
    assert sum(x.phase is LinePhase.CLOSED for x in world.lines("A")) == 3


def test_a_lower_limit_touches_new_promises_only() -> None:
    levels = (Level.ATOMIC,)
    world, names = chain_world(levels)
    pay(world, [Route(names, levels, 1_000)])
    line = world.line("Q", "P").id
    answered(world.event("Q", ChangeLimit(world.now_us, line, 10)))
    world.run(world.now_us)
    assert balance(world, "Q") in (0, 1_000)
    assert world.line("P", "Q").limit_out == 10
    assert_books_mirror(world)


def test_a_closed_line_still_pays_what_is_promised() -> None:
    levels = (Level.ATOMIC, Level.ATOMIC)
    world, names = chain_world(levels)
    pay(world, [Route(names, levels, 1_000)])
    while not world.promises("Q"):
        world.do(world.choices()[0])
    answered(world.event("A", CloseLine(world.now_us, world.line("A", "Q").id)))
    world.run(world.now_us)
    assert balance(world, "Q") == 1_000
    assert world.line("Q", "A").phase is LinePhase.CLOSED


def test_a_running_total_fits_a_message() -> None:
    """Whatever the limits: a total that cannot be said cannot be booked."""
    line = Line(bytes(16), terms(couple().nodes["A"].id).node, USD, LinePhase.OPEN)
    full = MAX_AMOUNT - 5
    grown = Line(line.id, line.peer, USD, LinePhase.OPEN, MAX_AMOUNT, MAX_AMOUNT, full, 1, full, 1)
    assert grown.available_out == grown.available_in == 5


def test_a_second_offer_is_closed_at_its_sender() -> None:
    world = couple()
    open_line(world, "A", "B")
    world.post("A", "B", LineOffer(bytes([9] * 16), USD, 5))
    world.acknowledged()
    body, _ = last_said(world, "B", "A")
    assert body == LineClose(bytes([9] * 16)) and len(world.lines("B")) == 1


def last_said(world: World, sender: str, receiver: str) -> tuple[Body, int]:
    number, envelope = world.nodes[sender].outbox[receiver].messages[-1]
    return decode(Envelope.decode(envelope).payload)[2], number


Bend = Callable[[dict[Key, Row]], Row]


def line_of(rows: dict[Key, Row]) -> Line:
    return next(r for r in rows.values() if isinstance(r, Line))


def promise_of(rows: dict[Key, Row]) -> Promise:
    return next(r for r in rows.values() if isinstance(r, Promise))


def payment_in(rows: dict[Key, Row]) -> Payment:
    return next(r for r in rows.values() if isinstance(r, Payment))


def transaction_in(rows: dict[Key, Row]) -> Transaction:
    return next(r for r in rows.values() if isinstance(r, Transaction))


BROKEN: list[tuple[str, Bend]] = [
    ("pending sums", lambda r: replace(line_of(r), pending_out=7)),
    ("pending sums", lambda r: replace(line_of(r), count_out=2)),
    ("booked totals", lambda r: replace(line_of(r), booked_out=1)),
    ("booked totals", lambda r: replace(line_of(r), sequence_in=1)),
    ("end without a time", lambda r: replace(promise_of(r), ended_at_us=5)),
    ("no line", lambda r: replace(promise_of(r), line=bytes(16))),
    ("no transaction", lambda r: replace(promise_of(r), commit=bytes(32))),
    ("no partner", lambda r: replace(promise_of(r), partner_id=bytes(16))),
    ("committed without a debt", lambda r: committed(payment_in(r))),
    ("ROUTING, but", lambda r: replace(payment_in(r), phase=PaymentPhase.ROUTING)),
    ("other descriptor", lambda r: replace(transaction_in(r), descriptor=b"x")),
]


def committed(payment: Payment) -> Payment:
    return replace(payment, phase=PaymentPhase.COMMITTED, ended_at_us=5)


@pytest.mark.parametrize(("what", "bend"), BROKEN)
def test_the_invariants_see_what_breaks(what: str, bend: Bend) -> None:
    world, names = chain_world((Level.ATOMIC,))
    pay(world, [Route(names, (Level.ATOMIC,), 1_000)])
    rows = dict(world.nodes["P"].books.rows)
    check(rows.values())
    bent = bend(rows)
    rows[bent.key] = bent
    with pytest.raises(AssertionError, match=what):
        check(rows.values())


STEPS: list[tuple[str, Bend]] = [
    ("other terms", lambda r: replace(promise_of(r), amount=1)),
    ("REDEEMED to OFFERED", lambda r: replace(promise_of(r), phase=PromisePhase.OFFERED)),
    ("a booked total shrinks", lambda r: replace(line_of(r), booked_out=0)),
    ("COMMITTED to PROMISED", lambda r: replace(payment_in(r), phase=PaymentPhase.PROMISED)),
    ("replaced", lambda r: replace(transaction_in(r), commit_certificate=b"x")),
    ("another part", lambda r: replace(transaction_in(r), role=Role.HOP)),
    (
        "beyond the limit",
        lambda r: replace(promise_of(r), id=bytes(16), phase=PromisePhase.OFFERED),
    ),
]


@pytest.mark.parametrize(("what", "bend"), STEPS)
def test_the_invariants_see_a_forbidden_step(what: str, bend: Bend) -> None:
    world, names = chain_world((Level.ATOMIC,))
    pay(world, [Route(names, (Level.ATOMIC,), 1_000)])
    world.run(world.now_us)
    rows = dict(world.nodes["P"].books.rows)
    changes: list[Row] = [bend(rows)]
    if what == "beyond the limit":
        changes.append(replace(line_of(rows), limit_out=0))
    with pytest.raises(AssertionError, match=what):
        check_step(rows, changes)
