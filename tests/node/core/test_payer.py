"""The payer never pays one request twice, and the payee never signs two attempts at once."""

from dataclasses import replace

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    assert_books_mirror,
    balance,
    chain_world,
    create,
    dictate,
    ended,
    make_request,
    open_line,
    pay,
    payment_of,
    refused,
    request_of,
    terms,
)
from node.command.sim.cores.world import World
from node.core.events import (
    ChangeLimit,
    CloseLine,
    CreatePayment,
    DeclineRequest,
    GiveUpPayment,
    StartAttempt,
)
from node.core.rows import PaymentPhase, PromisePhase, Request, RequestPhase
from proto.levels import Level
from proto.reason import Reason, Refusal
from proto.request import read_request, request_hash

B, S, A, X = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
AMOUNT = 10_000
LEVELS = (A, A)
NAMES = ["P", "A", "Q"]


def scene(manual: bool = True) -> tuple[World, Request]:
    world, _ = chain_world(LEVELS)
    return world, make_request(world, "Q", AMOUNT, manual=manual)


def creation(world: World, request: Request) -> CreatePayment:
    return CreatePayment(
        world.now_us,
        world.draw("payment")[:16],
        request_hash(request.signed),
        request.signed,
        read_request(request.signed, world.now_us),
        "{}",
    )


def test_a_second_attempt_while_one_is_live_is_refused() -> None:
    world, request = scene()
    attempt = pay(world, [Route(NAMES, LEVELS, AMOUNT)], request)
    for _ in range(2):
        again = dictate(world, attempt.payment, request, [Route(NAMES, LEVELS, AMOUNT)], attempt=2)
        assert refused(world.event("P", again.event)) == Refusal(Reason.PAYMENT_LIVE)
        world.quiet()


def test_a_second_payment_of_a_request_is_refused() -> None:
    world, request = scene()
    attempt = pay(world, [Route(NAMES, LEVELS, AMOUNT)], request)
    assert refused(world.event("P", creation(world, request))) == Refusal(Reason.PAYMENT_LIVE)
    give_up = GiveUpPayment(world.now_us, attempt.payment, Refusal(Reason.NO_ROUTE))
    assert refused(world.event("P", give_up)) == Refusal(Reason.PAYMENT_LIVE)


def test_a_paid_request_is_not_paid_again() -> None:
    world, request = scene(manual=False)
    attempt = pay(world, [Route(NAMES, LEVELS, AMOUNT)], request)
    world.run(world.now_us)
    assert refused(world.event("P", creation(world, request))) == Refusal(Reason.PAYMENT_DONE)
    again = dictate(world, attempt.payment, request, [Route(NAMES, LEVELS, AMOUNT)], attempt=2)
    assert refused(world.event("P", again.event)) == Refusal(Reason.PAYMENT_LIVE)


@pytest.mark.parametrize("levels", [(A, A), (S, S), (B, B)], ids=lambda c: c[0].name)
def test_a_retry_begins_where_nothing_can_be_redeemed(levels: tuple[Level, ...]) -> None:
    """After the payee let the first attempt go by, the second one pays, once."""
    world, names = chain_world(levels)
    request = make_request(world, "Q", AMOUNT)
    route = Route(names, levels, AMOUNT)
    world.sever("A", "Q")
    attempt = pay(world, [route], request)
    world.quiet()
    assert payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING  # refused at once
    world.heal("A", "Q")
    second = dictate(world, attempt.payment, request, [route], attempt=2)
    answered(world.event("P", second.event))
    world.run(world.now_us)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert balance(world, "Q") == AMOUNT and second.commit != attempt.commit
    assert ended(world) and not world.faults
    assert_books_mirror(world)


def test_an_attempt_has_its_turn() -> None:
    world, request = scene()
    payment = create(world, "P", request)
    later = dictate(world, payment, request, [Route(NAMES, LEVELS, AMOUNT)], attempt=2)
    assert refused(world.event("P", later.event)) == Refusal(Reason.PAYMENT_LIVE)


def started(world: World, request: Request, levels: tuple[Level, ...] = LEVELS) -> StartAttempt:
    payment = create(world, "P", request)
    return dictate(world, payment, request, [Route(NAMES, levels, AMOUNT)]).event


def first_changed(event: StartAttempt, **changes: object) -> StartAttempt:
    (first,) = event.firsts
    return replace(event, firsts=(replace(first, **changes),))  # type: ignore[arg-type]


def test_what_a_payer_refuses_itself() -> None:
    world, request = scene()
    event = started(world, request)
    amount = event.firsts[0].amount

    def why(changed: StartAttempt, w: World = world) -> object:
        return refused(w.event("P", changed))

    assert why(first_changed(event, line=bytes(16))) == Refusal(Reason.LINE_UNKNOWN)
    assert why(first_changed(event, amount=0)) == Refusal(Reason.AMOUNT_ZERO)
    assert why(first_changed(event, amount=1_000_003)) == Refusal(Reason.CREDIT_SHORT, 3)
    late = first_changed(event, level=S, expires_at_us=world.now_us - 5)
    assert why(late) == Refusal(Reason.EXPIRY_PASSED, 5)
    proxy = first_changed(event, level=X, expires_at_us=world.now_us + SECOND)
    assert why(proxy) == Refusal(Reason.PROXY_NOT_ALLOWED)
    twice = replace(event, firsts=(event.firsts[0], event.firsts[0]))
    fork = world.fork()
    grant = ChangeLimit(world.now_us, fork.line("A", "P").id, 2 * amount - 1)
    fork.event("A", grant)
    fork.quiet()
    assert why(twice, fork) == Refusal(Reason.CREDIT_SHORT, 1)
    books = world.nodes["P"].books
    usual = books.settings
    for changes, refusal in (
        ({"accepts": frozenset()}, Refusal(Reason.REGISTRY_NOT_ACCEPTED)),
        ({"records": {}}, Refusal(Reason.REGISTRY_NOT_ACCEPTED)),
        ({"hold_max_us": 10 * SECOND - 9}, Refusal(Reason.HOLD_TOO_LONG, 9)),
        ({"max_pending_count": 0}, Refusal(Reason.PENDING_FULL)),
    ):
        books.settings = replace(usual, **changes)
        assert why(event) == refusal
    books.settings = usual
    world.sever("P", "A")
    assert why(event) == Refusal(Reason.NEXT_HOP_DOWN)
    world.event("P", CloseLine(world.now_us, world.line("P", "A").id))
    assert why(event) == Refusal(Reason.LINE_CLOSED)


def test_what_cannot_be_paid_at_all() -> None:
    world, request = scene()
    event = creation(world, request)
    assert refused(world.event("Q", event)) == Refusal(Reason.SELF_PAYMENT)
    late = replace(event, now_us=request.expires_at_us + 8)
    assert refused(world.event("P", late)) == Refusal(Reason.REQUEST_EXPIRED, 8)
    answered(world.event("P", event))
    assert refused(world.event("P", event)) == Refusal(Reason.REPEATED_OTHERWISE)


def two_payers(manual: bool) -> tuple[World, Request, Attempt]:
    """P and O both pay the same request of Q; P's promise has arrived."""
    world, names = chain_world((A,))
    world.add("O", terms)
    open_line(world, "O", "Q")
    request = make_request(world, "Q", AMOUNT, manual=manual)
    attempt = pay(world, [Route(names, (A,), AMOUNT)], request)
    world.run(world.now_us)
    return world, request, attempt


@pytest.mark.parametrize(
    ("manual", "reason"), [(True, Reason.REQUEST_BUSY), (False, Reason.REQUEST_PAID)]
)
def test_a_payee_takes_one_attempt(manual: bool, reason: Reason) -> None:
    world, request, attempt = two_payers(manual)
    other = pay(world, [Route(["O", "Q"], (A,), AMOUNT)], request)
    world.run(world.now_us)
    assert payment_of(world, "O", other).because == Refusal(reason)
    assert request_of(world, "Q", request).commit == attempt.commit
    world.run(attempt.deadline_us + 10 * SECOND)
    assert_books_mirror(world)


def test_a_payee_takes_the_next_attempt_once_the_one_before_has_ended() -> None:
    world, request, attempt = two_payers(manual=True)
    world.run(attempt.deadline_us + 10 * SECOND)
    assert ended(world)
    other = pay(world, [Route(["O", "Q"], (A,), AMOUNT)], request)
    world.quiet()
    assert request_of(world, "Q", request).commit == other.commit


def test_an_expired_request_is_not_paid() -> None:
    world, names = chain_world((A,))
    request = make_request(world, "Q", AMOUNT, expires_at_us=world.now_us + SECOND)
    attempt = pay(world, [Route(names, (A,), AMOUNT)], request)
    world.now_us += 2 * SECOND
    world.quiet()
    refusal = Refusal(Reason.REQUEST_EXPIRED, SECOND)
    assert payment_of(world, "P", attempt).because == refusal


def test_no_deadline_beyond_what_the_payee_allows() -> None:
    world, names = chain_world((A,))
    request = make_request(world, "Q", AMOUNT, latest_deadline_us=world.now_us + 10 * SECOND - 6)
    attempt = pay(world, [Route(names, (A,), AMOUNT)], request)
    world.quiet()
    assert payment_of(world, "P", attempt).because == Refusal(Reason.REQUEST_MISMATCH, 6)


def test_what_is_signed_or_paid_cannot_be_declined() -> None:
    world, names = chain_world((A,))
    request = make_request(world, "Q", AMOUNT)
    world.sever("Q", "R1")
    pay(world, [Route(names, (A,), AMOUNT)], request)
    world.quiet()
    decline = DeclineRequest(world.now_us, request.id)
    assert request_of(world, "Q", request).phase is RequestPhase.SIGNED
    assert refused(world.event("Q", decline)) == Refusal(Reason.REQUEST_BUSY)
    world.heal("Q", "R1")
    world.run(world.now_us + SECOND)
    assert refused(world.event("Q", decline)) == Refusal(Reason.REQUEST_PAID)


def test_an_attempt_after_a_signed_one_that_ran_out() -> None:
    """The payee signed BARE and could not reach the payer in time: another attempt pays."""
    world, names = chain_world((B,))
    request = make_request(world, "Q", AMOUNT)
    attempt = pay(world, [Route(names, (B,), AMOUNT)], request)
    world.do(world.choices()[0])
    world.sever("P", "Q")
    world.run(world.now_us + 10 * SECOND)
    world.heal("P", "Q")
    world.run(world.now_us)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING
    assert [p.phase for p in world.promises("Q")] == [PromisePhase.EXPIRED]
    second = dictate(world, attempt.payment, request, [Route(names, (B,), AMOUNT)], attempt=2)
    answered(world.event("P", second.event))
    world.run(world.now_us)
    assert balance(world, "Q") == AMOUNT
    assert request_of(world, "Q", request).phase is RequestPhase.PAID
