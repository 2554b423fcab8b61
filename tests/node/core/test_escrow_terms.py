"""What a seat refuses: terms other than those it joined, promises other than those it wants.

Each of these lies is told by a coordinator or an initiator, alone or together with a registrar that
is not ours; none may make an honest seat sign or give.
"""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from node.command.sim.cast import R2, SECOND, digest, signing_key
from node.core.escrow.reading import committer_key, hold_of
from node.core.escrow.rows import SeatPhase
from proto.descriptor import Descriptor, commit_id, decode_descriptor
from proto.escrow.legs import (
    Leg,
    LegPromise,
    RightCarrier,
    read_leg_promise,
    sign_leg_promise,
)
from proto.escrow.letters import Body, Fix, Give, Invite, Join, LegsAccepted, Receive, Withdraw
from proto.escrow.ops import Prepare
from proto.escrow.reasons import EscrowReason
from proto.escrow.terms import Order, SeatTerms, Term, plant
from proto.policy import RegistryPolicy
from tests.node.core.escrow_table import Table, card_of, node_of, swap

Terms = list[Term]
Forge = Callable[[Descriptor, Terms], tuple[Descriptor, Terms]]


def joined() -> Table:
    table = swap()
    table.propose()
    table.carry(Invite)
    table.join()
    table.carry(Join)
    return table


def forged(table: Table, forge: Forge) -> Callable[[Body], Body | None]:
    """Every Fix with another descriptor and terms that open into it."""

    def bend(body: Body) -> Body | None:
        if not isinstance(body, Fix):
            return body
        descriptor = decode_descriptor(body.descriptor)
        terms: Terms = [opening.term for opening in body.openings]
        descriptor, terms = forge(descriptor, terms)
        root, openings = plant(terms, [digest(f"salt {i}") for i in range(len(terms))])
        if descriptor.terms_root != b"w" * 32:
            descriptor = replace(descriptor, terms_root=root)
        return replace(body, descriptor=descriptor.encode(), openings=openings)

    return bend


def _leg(change: Callable[[Leg], Leg], no: int = 1) -> Forge:
    def forge(descriptor: Descriptor, terms: Terms) -> tuple[Descriptor, Terms]:
        changed = [change(t) if isinstance(t, Leg) and t.no == no else t for t in terms]
        return descriptor, changed

    return forge


def _of(**changes: object) -> Forge:
    def forge(descriptor: Descriptor, terms: Terms) -> tuple[Descriptor, Terms]:
        return replace(descriptor, **changes), terms  # type: ignore[arg-type]

    return forge


def _without(kind: type[Term]) -> Forge:
    return lambda descriptor, terms: (descriptor, [t for t in terms if not isinstance(t, kind)])


def _moved(leg: Leg) -> Leg:
    assert isinstance(leg.carrier, RightCarrier)
    return replace(leg, carrier=replace(leg.carrier, source=b"s" * 16, destination=b"d" * 16))


def _elsewhere(leg: Leg) -> Leg:
    return replace(leg, carrier=RightCarrier(node_of("reg3"), b"s" * 16, b"d" * 16))


def _other_key(descriptor: Descriptor, terms: Terms) -> tuple[Descriptor, Terms]:
    stranger = signing_key("stranger").public
    changed = [replace(t, key=stranger) if isinstance(t, SeatTerms) else t for t in terms]
    return replace(descriptor, committers=(stranger,), threshold=1), changed


def _alone(descriptor: Descriptor, terms: Terms) -> tuple[Descriptor, Terms]:
    """The coordinator's key commits, beside theirs, and one is enough."""
    keys = (*descriptor.committers, signing_key("coordinator").public)
    return replace(descriptor, committers=keys, threshold=1), terms


def _two_of_three(descriptor: Descriptor, terms: Terms) -> tuple[Descriptor, Terms]:
    keys = (*descriptor.committers, signing_key("coordinator").public)
    return replace(descriptor, committers=keys, threshold=2), terms


def _left_out(descriptor: Descriptor, terms: Terms) -> tuple[Descriptor, Terms]:
    return replace(descriptor, committers=descriptor.committers[:1], threshold=1), terms


LIES: dict[str, Forge] = {
    "less": _leg(lambda leg: replace(leg, fee_max=0, brand=b"b" * 16)),
    "more": _leg(lambda leg: replace(leg, amount=leg.amount + 1)),
    "another amount of the other leg": _leg(lambda leg: replace(leg, amount=2), no=2),
    "to another seat": _leg(lambda leg: replace(leg, to_seat=leg.from_seat)),
    "between other accounts": _leg(_moved),
    "at another registrar": _leg(_elsewhere),
    "no order": _without(Order),
    "another order": lambda d, t: (
        d,
        [Order(b"o" * 32) if isinstance(x, Order) else x for x in t],
    ),
    "no legs": _without(Leg),
    "no seats": _without(SeatTerms),
    "other keys": _other_key,
    "one commits alone": _alone,
    "two of three commit": _two_of_three,
    "a committer is left out": _left_out,
    "a decline of somebody else": _of(decline_hash=b"d" * 32),
    "a hashlock": _of(hashlocks=(b"h" * 32,)),
    "another registry": _of(policy=RegistryPolicy((R2.id,), 1, 1)),
    "other terms than the root": _of(terms_root=b"w" * 32),
    "a late deadline": lambda d, t: (replace(d, deadline_us=d.deadline_us + 60 * SECOND), t),
    "a past deadline": lambda d, t: (replace(d, deadline_us=d.deadline_us - 30 * SECOND), t),
}


@pytest.mark.parametrize("lie", LIES)
def test_other_terms_than_those_joined_are_refused(lie: str) -> None:
    table = joined()
    table.carry(Fix, bend=forged(table, LIES[lie]))
    withdrawn = {name: table.seat(name) for name in table.seats}
    # What concerns one seat alone may leave the other content; nobody signs without the other.
    assert any(s.phase is SeatPhase.WITHDRAWN for s in withdrawn.values()), lie
    for seat in withdrawn.values():
        if seat.phase is SeatPhase.WITHDRAWN:
            assert seat.because is not EscrowReason.NONE
            assert not seat.commit and not any(seat.held)
    table.carry(Withdraw, LegsAccepted)
    assert not any(any(table.seat(name).given) for name in table.seats)
    assert not any(table.seat(name).share for name in table.seats)


def test_the_honest_terms_are_taken() -> None:
    """The forge itself is not what the seats refuse."""
    table = joined()
    table.carry(Fix, bend=forged(table, lambda d, t: (d, t)))
    assert {table.seat(name).phase for name in table.seats} == {SeatPhase.FIXED}


def test_a_fix_under_another_card_is_nobodys() -> None:
    table = joined()
    stranger = card_of("stranger")
    table.carry(
        Fix,
        bend=lambda b: replace(b, coordinator=stranger) if isinstance(b, Fix) else b,
        rounds=1,
    )
    assert {table.seat(name).phase for name in table.seats} == {SeatPhase.JOINED}


def promised() -> Table:
    """Everything is promised, and the promises are on their way to the seats."""
    table = joined()
    table.carry(bend=lambda body: None if isinstance(body, Receive) else body)
    assert {table.seat(name).phase for name in table.seats} == {SeatPhase.FIXED}
    return table


def _resigned(promise: LegPromise, by: str = "") -> bytes:
    names = ("reg1", "reg2", "reg3")
    name = by or next(n for n in names if node_of(n) == promise.registrar)
    return sign_leg_promise(signing_key(name), replace(promise, registrar=node_of(name)))


def _bent(change: Callable[[LegPromise], bytes]) -> Callable[[Body], Body | None]:
    def bend(body: Body) -> Body | None:
        if not isinstance(body, Receive):
            return body
        promises = tuple(change(read_leg_promise(signed)) for signed in body.promises)
        return replace(body, promises=promises)

    return bend


PROMISES: dict[str, Callable[[LegPromise], bytes]] = {
    "of another transaction": lambda p: _resigned(replace(p, commit=b"c" * 32)),
    "into another hold": lambda p: _resigned(replace(p, to=b"t" * 32)),
    "of another leg": lambda p: _resigned(replace(p, leg=replace(p.leg, no=3 - p.leg.no))),
    "with a fee that nobody agreed to": lambda p: _resigned(replace(p, net=p.net - 1, fee=1)),
    "of another account": lambda p: _resigned(replace(p, leg=_moved(p.leg))),
    "by nobody": lambda p: _resigned(p)[:-4] + b"\0\0\0\0",
    "nothing at all": lambda p: b"",
}


@pytest.mark.parametrize("lie", PROMISES)
def test_no_promise_but_the_wanted_one_makes_a_seat_sign(lie: str) -> None:
    table = promised()
    table.carry(Receive, bend=_bent(PROMISES[lie]))
    for name in table.seats:
        assert table.seat(name).phase is SeatPhase.FIXED, lie
        assert not table.seat(name).share


def test_the_promise_by_another_registrar_is_none() -> None:
    table = promised()

    def by_another(p: LegPromise) -> bytes:
        assert isinstance(p.leg.carrier, RightCarrier)
        leg = replace(p.leg, carrier=replace(p.leg.carrier, registrar=node_of("reg3")))
        return _resigned(replace(p, leg=leg), by="reg3")

    table.carry(Receive, bend=_bent(by_another))
    assert not any(table.seat(name).share for name in table.seats)


def test_one_promise_of_two_is_not_enough_and_late_is_too_late() -> None:
    table = promised()
    deadline_us = decode_descriptor(table.deal.descriptor).deadline_us
    for party in table.parties.values():
        party.now_us = deadline_us - SECOND
    table.carry(Receive)
    assert not any(table.seat(name).share for name in table.seats)


def test_the_wanted_promises_make_it_sign() -> None:
    table = promised()
    table.carry(Receive, bend=_bent(_resigned))
    for name in table.seats:
        seat = table.seat(name)
        assert seat.phase is SeatPhase.SIGNED
        assert (
            sha256(hold_of(seat.seed, 3 - (seat.at + 1))).digest()
            == read_leg_promise(seat.promised[2 - (seat.at + 1)]).to
        )


def test_a_give_that_leads_elsewhere_prepares_what_the_terms_say() -> None:
    """A coordinator that names another hold, or another leg, moves nothing: the registrar is
    shown the leg of the terms, and refuses a hold that is not its destination's."""
    table = joined()
    table.carry(Fix)
    thief = b"T" * 32

    def bend(body: Body) -> Body | None:
        if not isinstance(body, Give):
            return body
        legs = tuple(replace(leg, hold=thief) for leg in body.legs)
        foreign = replace(legs[0], no=3 - legs[0].no)
        return replace(body, legs=(*legs, foreign))

    for party in table.parties.values():
        for row in party.waiting():
            if row.step.name == "ACCEPT":
                table.answer(party, row)
    table.carry(LegsAccepted)
    table.carry(Give, bend=bend)
    from proto.escrow.batch import read_batch

    for name in table.seats:
        seat = table.seat(name)
        mine = seat.at + 1
        assert [bool(g) for g in seat.given] == [mine == 1, mine == 2]
        row = next(r for r in table.at(name).waiting() if r.step.name == "GIVE")
        prepare = read_batch(row.payload).ops[-1]
        assert isinstance(prepare, Prepare)
        leg = prepare.leg.term
        assert isinstance(leg, Leg) and leg.no == mine
        assert commit_id(prepare.descriptor) == seat.commit
        assert committer_key(seat.seed).public in decode_descriptor(prepare.descriptor).committers
