"""The verdict on all books: silent where they are sound, and each thing that breaks is named."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import FEES, Route, chain_world, make_request, pay
from node.command.sim.cores.world import Deliver, World
from node.command.sim.kills.ledgers import Court, Ledger, ledger_of
from node.command.sim.kills.verdict import Books, excused, find_breaches, find_losses
from node.core.rows import (
    Direction,
    Incident,
    IncidentKind,
    PaymentPhase,
    PromisePhase,
    RequestPhase,
)
from node.core.rows import replace as changed
from proto.levels import Level
from proto.modes import Loss, Mode

S, A, B = Level.SECURED, Level.ATOMIC, Level.BARE
AMOUNT = 10_000


def ledgers_of(world: World) -> dict[str, Ledger]:
    return {
        name: ledger_of(name, node.id, node.books.rows.values())
        for name, node in world.nodes.items()
    }


def courts_of(world: World) -> list[Court]:
    return [
        Court(j.name, j.id, {c: x.row.data for c, x in j.rows.items()}, tuple(j.rows))
        for j in world.judges.values()
    ]


def paid(levels: tuple[Level, ...] = (A, A)) -> World:
    world, names = chain_world(levels)
    pay(world, [Route(names, levels, AMOUNT)])
    world.run(world.now_us + 30 * SECOND)
    return world


def rules(ledgers: dict[str, Ledger], courts: list[Court]) -> set[str]:
    return {b.rule for b in find_breaches(Books(list(ledgers.values()), FEES), courts)}


@pytest.mark.parametrize("levels", [(A, A), (S, S, S), (A, B), (B, A), (B, B, B), (A,)], ids=str)
def test_sound_books_are_sound(levels: tuple[Level, ...]) -> None:
    world = paid(levels)
    assert rules(ledgers_of(world), courts_of(world)) == set()


def test_a_payment_that_nobody_commits_is_sound_too() -> None:
    world, names = chain_world((A, A))
    request = make_request(world, "Q", AMOUNT, manual=True)
    pay(world, [Route(names, (A, A), AMOUNT)], request)
    world.run(world.now_us + 30 * SECOND)
    books = ledgers_of(world)
    (payment,) = books["P"].payments
    over = replace(books["P"], payments=(changed(payment, phase=PaymentPhase.ABORTED),))
    assert rules(books, courts_of(world)) == {"8 everything ends"}, "it is still to try again"
    assert rules(books | {"P": over}, courts_of(world)) == set()


Bend = Callable[[Ledger], Ledger]


def _promise(direction: Direction, ledger: Ledger, **changes: Any) -> Ledger:
    ((key, old),) = [(k, p) for k, p in ledger.promises.items() if p.direction is direction]
    return replace(ledger, promises={**ledger.promises, key: changed(old, **changes)})


def _forget(direction: Direction, ledger: Ledger) -> Ledger:
    left = {k: p for k, p in ledger.promises.items() if p.direction is not direction}
    return replace(ledger, promises=left)


def _line(ledger: Ledger, **changes: Any) -> Ledger:
    first, *others = ledger.lines
    return replace(ledger, lines=(changed(first, **changes), *others))


def _payment(ledger: Ledger, **changes: Any) -> Ledger:
    (payment,) = ledger.payments
    return replace(ledger, payments=(changed(payment, **changes),))


def _again(ledger: Ledger) -> Ledger:
    (payment,) = ledger.payments
    return replace(ledger, payments=(payment, changed(payment)))


def _request(ledger: Ledger, **changes: Any) -> Ledger:
    ((key, request),) = ledger.requests.items()
    return replace(ledger, requests={key: changed(request, **changes)})


def _incident(kind: IncidentKind, ledger: Ledger) -> Ledger:
    return replace(ledger, incidents=(Incident(b"subject", kind, 1, ledger.node),))


IN, OUT = Direction.IN, Direction.OUT
REDEEMED, EXPIRED = PromisePhase.REDEEMED, PromisePhase.EXPIRED
BENDS: list[tuple[str, str, Bend, set[str]]] = [
    ("a booking without its mirror", "Q", partial(_promise, IN, phase=EXPIRED),
     {"1 mirror", "3 booked once", "both ends"}),
    ("another amount", "Q", partial(_promise, IN, amount=1),
     {"1 mirror", "3 booked once", "whole"}),
    ("another level", "Q", partial(_promise, IN, level=B), {"1 mirror"}),
    ("still waiting", "Q", partial(_promise, IN, phase=PromisePhase.ACCEPTED),
     {"8 everything ends", "1 mirror", "3 booked once", "both ends"}),
    ("a promisor that forgot", "P", partial(_forget, OUT),
     {"durable", "3 booked once", "7 paid once", "both ends"}),
    ("a holder that forgot", "Q", partial(_forget, IN),
     {"1 mirror", "3 booked once", "both ends"}),
    ("a total", "A", partial(_line, booked_in=1), {"1 mirror", "1 zero sum", "3 booked once"}),
    ("a price", "A", partial(_promise, IN, amount=AMOUNT - 1),
     {"4 price", "1 mirror", "3 booked once"}),
    ("paid and not paid on", "A", partial(_promise, OUT, phase=EXPIRED),
     {"5 paid on", "1 mirror", "3 booked once"}),
    ("a payment without an end", "P", partial(_payment, phase=PaymentPhase.PROMISED),
     {"8 everything ends"}),
    ("an abort with a debt", "P", partial(_payment, phase=PaymentPhase.ABORTED), {"7 paid once"}),
    ("two payments of one request", "P", _again, {"7 paid once"}),
    ("paid for nothing", "Q", partial(_request, phase=RequestPhase.OPEN), {"3 booked once"}),
    ("half of it", "Q", partial(_request, taking=2 * AMOUNT), {"whole"}),
    ("an incident among the honest", "A", partial(_incident, IncidentKind.CONTRADICTION),
     {"honest"}),
    ("a denied claim", "A", partial(_incident, IncidentKind.CLAIM_DENIED), {"honest"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "bend", "expected"), [b[1:] for b in BENDS], ids=[b[0] for b in BENDS]
)
def test_what_is_bent_is_named(name: str, bend: Bend, expected: set[str]) -> None:
    world = paid()
    books = ledgers_of(world)
    books[name] = bend(books[name])
    assert rules(books, courts_of(world)) == expected


def test_a_registry_that_forgets_or_logs_twice_is_named() -> None:
    world = paid()
    (court,) = [c for c in courts_of(world) if c.leaves]
    for bent, expected in (
        (replace(court, leaves={}), {"registry durable", "registry log"}),
        (replace(court, leaves=dict.fromkeys(court.leaves, b"another")), {"registry durable"}),
        (replace(court, logged=court.logged * 2), {"registry log"}),
    ):
        others = [c for c in courts_of(world) if c.name != court.name]
        assert rules(ledgers_of(world), [bent, *others]) == expected


def late(levels: tuple[Level, ...]) -> World:
    """A owes Q and cannot show it to P in time."""
    world, names = chain_world(levels)
    pay(world, [Route(names, levels, AMOUNT)])
    world.do(Deliver("P", "A"))
    world.sever("P", "A")
    world.sever("A", "R1")
    world.sever("Q", "R1")
    world.run(world.now_us + 30 * SECOND)
    world.heal_all()
    world.run(world.now_us + 120 * SECOND)
    return world


@pytest.mark.parametrize(
    ("levels", "mode", "allowed"),
    [((B, B), Mode.BARE, Loss.NOT_U), ((S, B), Mode.SECURED, Loss.NOT_U_AND_NOT_R),
     ((A, B), Mode.GATEWAY, Loss.NOT_R)],
    ids=str,
)  # fmt: skip
def test_a_loss_is_found_and_is_excused_by_who_was_away(
    levels: tuple[Level, ...], mode: Mode, allowed: Loss
) -> None:
    world = late(levels)
    ledgers = ledgers_of(world)
    payments = tuple(changed(p, phase=PaymentPhase.ABORTED) for p in ledgers["P"].payments)
    ledgers["P"] = replace(ledgers["P"], payments=payments)
    assert rules(ledgers, courts_of(world)) == set(), "a loss that a level allows is no breach"
    books = Books(list(ledgers.values()), FEES)
    (lost,) = find_losses(books)
    assert (lost.node, lost.upstream, lost.amount) == ("A", "P", AMOUNT)
    assert (lost.mode, lost.allowed) == (mode, allowed)
    registries = {j.id: j.name for j in world.judges.values()}
    first, last = lost.seen_us
    meanwhile = {"P": [(first, last)], "R1": [(first, first)]}
    assert excused(lost, meanwhile, registries)
    assert not excused(lost, {"P": [(last + 1, last + 2)], "Q": [(first, last)]}, registries)
    only = {name: {name: [(first, last)]} for name in ("P", "R1", "A")}
    assert excused(lost, only["A"], registries)
    assert excused(lost, only["P"], registries) is (allowed is Loss.NOT_U)
    assert excused(lost, only["R1"], registries) is (allowed is Loss.NOT_R)
    assert not excused(replace(lost, allowed=Loss.NOTHING), meanwhile, registries)
    silent = replace(ledgers["A"], incidents=())
    assert rules(ledgers | {"A": silent}, courts_of(world)) == {"6 told"}
