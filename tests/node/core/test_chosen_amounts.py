"""Requests that leave the amount to their payer: what the payee takes, and what its word proves."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from node.command.sim.cores.plan import (
    HOUR,
    Attempt,
    Route,
    answered,
    assert_books_mirror,
    balance,
    create,
    dictate,
    ended,
    held_by,
    make_request,
    open_line,
    payment_of,
    refused,
    request_of,
    terms,
)
from node.command.sim.cores.world import World
from node.core.escrow.giving import _request_fits
from node.core.escrow.rows import Seat
from node.core.events import ConfirmRequest, CreatePayment, DeclineRequest
from node.core.rows import PaymentPhase, PromisePhase, Request, RequestPhase, Transaction
from proto.descriptor import decode_descriptor
from proto.escrow.legs import Leg, MoneyCarrier
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.money import Brand
from proto.payment_terms import terms_root
from proto.reason import Reason, Refusal
from proto.request import read_request, request_hash

B, S, A = Level.BARE, Level.SECURED, Level.ATOMIC
LEAST, MOST = 4_000, 9_000
VIA_A, VIA_B = ["P", "A", "Q"], ["P", "B", "Q"]
MISMATCH = Refusal(Reason.REQUEST_MISMATCH)


def diamond(**changes: object) -> tuple[World, Request]:
    """P has two ways to Q, which asks for LEAST to MOST."""
    world = World()
    for name in "PABQ":
        world.add(name, terms)
    for one, other in ("PA", "PB", "AQ", "BQ"):
        open_line(world, one, other)
    return world, make_request(world, "Q", MOST, **({"amount_min": LEAST} | changes))


def bent(
    world: World,
    request: Request,
    routes: Sequence[Route],
    totals: Sequence[int],
    binds: int | None,
    attempt: int = 1,
    payment: bytes = b"",
) -> Attempt:
    """An attempt whose chains name `totals` to the payee, and whose descriptor binds `binds`."""
    payment = payment or create(world, "P", request, amount=LEAST)
    honest = dictate(world, payment, request, routes, attempt=attempt).event.descriptor
    root = terms_root(honest.salt, request_hash(request.signed), binds)
    bound = replace(honest, terms_root=root)
    made = [
        dictate(world, payment, request, routes, attempt=attempt, bound=bound, chosen=total)
        for total in totals
    ]
    firsts = tuple(made[i].event.firsts[i] for i in range(len(routes)))
    return Attempt(payment, replace(made[0].event, firsts=firsts), made[0].plans)


def settle(world: World, attempt: Attempt) -> None:
    answered(world.event("P", attempt.event))
    world.run(world.now_us)
    assert ended(world) and not world.faults and not world.incidents()
    assert_books_mirror(world)


TOTALS = [
    (LEAST - 1, False),
    (LEAST, True),
    (LEAST + 1, True),
    (MOST, True),
    (MOST + 1, False),
    (0, False),
    (MAX_AMOUNT, False),
]


@pytest.mark.parametrize("levels", [(A, A), (B, B), (S, S)], ids=str)
@pytest.mark.parametrize(("total", "taken"), TOTALS)
def test_the_payee_takes_what_lies_in_the_range(
    total: int, taken: bool, levels: tuple[Level, ...]
) -> None:
    world, request = diamond()
    route = Route(VIA_A, levels, total if 0 < total < MAX_AMOUNT else LEAST)
    attempt = bent(world, request, [route], [total], total)
    settle(world, attempt)
    assert balance(world, "Q") == (total if taken else 0)
    row = request_of(world, "Q", request)
    payment = payment_of(world, "P", attempt)
    if taken:
        assert (row.phase, row.taking) == (RequestPhase.PAID, total)
        assert payment.phase is PaymentPhase.COMMITTED
    else:
        assert (row.phase, row.taking, row.commit) == (RequestPhase.OPEN, 0, b"")
        assert (payment.phase, payment.because) == (PaymentPhase.ROUTING, MISMATCH)


BINDINGS = {
    "more": 5_001,
    "less": 4_999,
    "the request's amount": MOST,
    "no amount": None,
}


@pytest.mark.parametrize("binds", BINDINGS.values(), ids=list(BINDINGS))
def test_what_the_payee_signs_proves_the_amount(binds: int | None) -> None:
    """Else a payer could show a signature over 5000 as the receipt of 9000."""
    world, request = diamond()
    attempt = bent(world, request, [Route(VIA_A, (A, A), 5_000)], [5_000], binds)
    settle(world, attempt)
    assert payment_of(world, "P", attempt).because == MISMATCH
    assert balance(world, "Q") == 0 and not request_of(world, "Q", request).commit


def test_terms_of_another_request_bind_nothing() -> None:
    world, request = diamond()
    other = make_request(world, "Q", MOST, amount_min=LEAST)
    payment = create(world, "P", request, amount=5_000)
    route = [Route(VIA_A, (A, A), 5_000)]
    honest = dictate(world, payment, request, route).event.descriptor
    root = terms_root(honest.salt, request_hash(other.signed), 5_000)
    bound = replace(honest, terms_root=root)
    attempt = dictate(world, payment, request, route, bound=bound, chosen=5_000)
    settle(world, attempt)
    assert payment_of(world, "P", attempt).because == MISMATCH


def test_the_descriptor_that_was_signed_names_the_amount() -> None:
    world, request = diamond()
    attempt = bent(world, request, [Route(VIA_A, (A, A), 5_000)], [5_000], 5_000)
    settle(world, attempt)
    (row,) = [r for r in world.rows("Q", Transaction) if isinstance(r, Transaction)]
    assert row.commit_evidence
    signed = decode_descriptor(row.descriptor)
    digest = request_hash(request.signed)
    roots = {n: terms_root(signed.salt, digest, n) for n in (None, *range(LEAST, MOST + 1))}
    assert [n for n, root in roots.items() if root == signed.terms_root] == [5_000]


@pytest.mark.parametrize("least", [0, LEAST], ids=["exact", "chosen"])
def test_an_exact_request_keeps_to_its_amount(least: int) -> None:
    world, request = diamond(amount_min=least)
    binds = LEAST if least else None
    route = Route(VIA_A, (A, A), LEAST)
    payment = create(world, "P", request, amount=least)
    attempt = bent(world, request, [route], [LEAST], binds, payment=payment)
    settle(world, attempt)
    assert balance(world, "Q") == least


def halves(one: int, other: int) -> list[Route]:
    return [Route(VIA_A, (A, A), one), Route(VIA_B, (A, A), other)]


def test_parts_sum_up_to_the_chosen_amount() -> None:
    world, request = diamond()
    attempt = bent(world, request, halves(3_000, 2_500), [5_500, 5_500], 5_500)
    settle(world, attempt)
    row = request_of(world, "Q", request)
    assert (balance(world, "Q"), row.phase, row.taking) == (5_500, RequestPhase.PAID, 5_500)


@pytest.mark.parametrize("totals", [(5_500, 5_501), (5_500, 3_000), (3_000, 5_500)], ids=str)
def test_parts_that_name_different_totals_pay_nothing(totals: tuple[int, int]) -> None:
    world, request = diamond()
    attempt = bent(world, request, halves(3_000, 2_500), totals, 5_500)
    settle(world, attempt)
    assert balance(world, "Q") == 0
    assert request_of(world, "Q", request).phase is RequestPhase.OPEN
    assert payment_of(world, "P", attempt).because == MISMATCH


@pytest.mark.parametrize(
    ("parts", "missing"), [((3_000, 2_000), True), ((3_000, 2_501), False)], ids=["short", "more"]
)
def test_nothing_is_signed_for_another_sum(parts: tuple[int, int], missing: bool) -> None:
    """Both within the range: it is the total that the chains name, not the range, that counts."""
    world, request = diamond()
    attempt = bent(world, request, halves(*parts), [5_500, 5_500], 5_500)
    answered(world.event("P", attempt.event))
    world.quiet()
    row = request_of(world, "Q", request)
    assert row.phase is RequestPhase.OPEN
    # Too little waits for a part that may come; too much is refused as it comes, and ends all.
    assert sum(p.amount for p in held_by(world, "Q") if p.pending) == (5_000 if missing else 0)
    world.run(world.now_us + HOUR)
    assert balance(world, "Q") == 0 and ended(world)
    assert_books_mirror(world)


def test_the_next_attempt_may_be_over_another_amount() -> None:
    """What the first was for is forgotten with it; the request is paid once."""
    world, request = diamond()
    world.sever("A", "Q")
    first = bent(world, request, halves(3_000, 2_500), [5_500, 5_500], 5_500)
    answered(world.event("P", first.event))
    world.run(world.now_us)
    assert payment_of(world, "P", first).phase is PaymentPhase.ROUTING
    assert request_of(world, "Q", request).taking in (0, 5_500)
    second = bent(
        world, request, [Route(VIA_B, (A, A), LEAST)], [LEAST], LEAST, 2, payment=first.payment
    )
    settle(world, second)
    row = request_of(world, "Q", request)
    assert (balance(world, "Q"), row.phase, row.taking) == (LEAST, RequestPhase.PAID, LEAST)
    third = bent(
        world, request, [Route(VIA_B, (A, A), LEAST)], [LEAST], LEAST, 3, payment=first.payment
    )
    assert refused(world.event("P", third.event)) == Refusal(Reason.PAYMENT_LIVE)


def test_the_owner_confirms_and_declines_chosen_amounts() -> None:
    for event, phase, arrived in (
        (ConfirmRequest, RequestPhase.PAID, 5_000),
        (DeclineRequest, RequestPhase.DECLINED, 0),
    ):
        world, request = diamond(manual=True)
        attempt = bent(world, request, [Route(VIA_A, (A, A), 5_000)], [5_000], 5_000)
        answered(world.event("P", attempt.event))
        world.quiet()
        assert request_of(world, "Q", request).phase is RequestPhase.OPEN
        answered(world.event("Q", event(world.now_us, request.id)))
        world.run(world.now_us)
        assert request_of(world, "Q", request).phase is phase
        assert balance(world, "Q") == arrived and ended(world)


def test_an_attempt_from_before_there_was_a_choice_goes_on() -> None:
    """Rows of an older program do not say what their attempt is to bring: all of it."""
    world, request = diamond(amount_min=0, manual=True)
    attempt = bent(
        world, request, halves(5_000, 4_000), [MOST, MOST], None,
        payment=create(world, "P", request),
    )  # fmt: skip
    answered(world.event("P", attempt.event))
    world.quiet()
    row = request_of(world, "Q", request)
    assert row.taking == MOST
    world.nodes["Q"].books.rows[row.key] = replace(row, taking=0)
    answered(world.event("Q", ConfirmRequest(world.now_us, request.id)))
    world.run(world.now_us)
    assert balance(world, "Q") == MOST
    phases = {p.phase for p in held_by(world, "Q")}
    assert phases == {PromisePhase.REDEEMED}


CHOSEN = [
    # (amount of the event, bound?, taken)
    (0, b"", False),
    (LEAST - 1, b"", False),
    (LEAST, b"", True),
    (MOST, b"", True),
    (MOST + 1, b"", False),
    (LEAST, b"a descriptor", False),
]


@pytest.mark.parametrize(("amount", "bound", "taken"), CHOSEN)
def test_the_payer_books_what_it_chose(amount: int, bound: bytes, taken: bool) -> None:
    world, request = diamond()
    event = creation(world, request, amount, bound)
    if not taken:
        assert refused(world.event("P", event)) == MISMATCH
        return
    answered(world.event("P", event))
    payment = payment_of(world, "P", Attempt(event.payment, None, ()))  # type: ignore[arg-type]
    assert payment.amount == amount


def creation(world: World, request: Request, amount: int, bound: bytes = b"") -> CreatePayment:
    read = read_request(request.signed, world.now_us)
    digest = request_hash(request.signed)
    return CreatePayment(
        world.now_us, bytes(16), digest, request.signed, read, "{}", bound, b"", amount
    )


def test_what_is_chosen_comes_in_whole_units() -> None:
    tens = Brand(b"t" * 16, "TEN", 10)
    world, request = diamond(brand=tens, amount_min=40)
    assert refused(world.event("P", creation(world, request, 45))) == MISMATCH
    answered(world.event("P", creation(world, request, 50)))


def test_a_request_for_the_payers_of_another_node() -> None:
    world, request = diamond(audience=bytes(32))
    assert refused(world.event("P", creation(world, request, LEAST))) == Refusal(
        Reason.ANOTHER_PAYER
    )
    own = make_request(world, "Q", MOST, amount_min=LEAST, audience=world.nodes["P"].id)
    answered(world.event("P", creation(world, own, LEAST)))


def test_a_leg_of_an_exchange_leaves_no_choice() -> None:
    """What moves in an exchange is fixed: its giver pays no request that says otherwise."""
    world, exact = diamond(amount_min=0, last_levels=frozenset({A}))
    request = read_request(exact.signed, world.now_us)
    bound = dictate(world, bytes(16), exact, [Route(VIA_A, (A, A), MOST)]).event.descriptor
    seat = cast(Seat, SimpleNamespace(descriptor=bound.encode()))
    leg = cast(Leg, SimpleNamespace(brand=request.brand.guid, amount=MOST))
    carrier = cast(MoneyCarrier, SimpleNamespace(payee=request.payee))
    assert _request_fits(seat, leg, carrier, request)
    assert not _request_fits(seat, leg, carrier, replace(request, amount_min=LEAST))
