"""A person's approval takes a seat: what is held for it, what is refused, and how it ends."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.command.sim.cast import SECOND, digest
from node.command.sim.cores.plan import Route, answered, dictate, make_request, payment_of, refused
from node.core.escrow.events import LeaveSeat
from node.core.escrow.rows import Account, SeatPhase
from node.core.events import CreatePayment, Due, GiveUpPayment
from node.core.people.events import ApproveRequest, DenyRequest
from node.core.people.rows import (
    Mandate,
)
from node.core.rows import Payment, PaymentPhase, Row
from proto.approval import Approved
from proto.escrow.letters import Body, Give, Withdraw
from proto.escrow.letters import Letter as Words
from proto.escrow.reasons import EscrowReason
from proto.reason import Reason, Refusal
from proto.request import request_hash
from tests.node.core import escrow_table
from tests.node.core.escrow_table import Party, node_of
from tests.node.core.goods_table import (
    ANN,
    ASKED,
    LAMP,
    OLD,
    PART_EXCHANGE,
    PRICE,
    ROOM,
    VALUES,
    C,
    Sale,
    sale,
)
from tests.node.core.people_table import ATOMIC, NAMES, bank
from tests.proto import receipts as r

# ---------------------------------------------------------------- taken


def test_an_approval_takes_the_seat_and_holds_the_money() -> None:
    the = sale()
    the.approve()
    assert (the.row.phase, the.row.seat) == (C.APPROVED, the.table.id)
    assert (the.seat.phase, the.seat.confirmation) == (SeatPhase.JOINED, ASKED)
    assert (the.purse.reserved, the.purse.balance) == (PRICE + ROOM, 0)
    assert not _payments(the)  # before everybody has joined nobody is paid


def test_the_same_approval_again_changes_nothing() -> None:
    the = sale()
    event = the.event()
    the.approve()
    before = the.bank.rows()
    answered(the.bank.take(event))
    assert the.bank.rows() == before
    # Brought again, once the seat is taken, without one: a browser that got no answer.
    answered(the.bank.take(replace(event, join=None)))
    assert the.bank.rows() == before


def test_the_leg_is_paid_for_the_person() -> None:
    the = sale()
    the.approve()
    the.table.join("seller")
    the.table.carry()
    (payment,) = _payments(the)
    assert (payment.confirmation, payment.amount) == (ASKED, PRICE)
    assert payment.phase is PaymentPhase.ROUTING and payment.bound == the.seat.descriptor
    assert the.purse.reserved == PRICE + ROOM


# ---------------------------------------------------------------- refused


def _elsewhere(the: Sale) -> ApproveRequest:
    event = the.event()
    assert event.join is not None
    return replace(event, join=replace(event.join, deal=digest("another")[:16]))


def by_mandate(event: ApproveRequest) -> ApproveRequest:
    """As the node itself makes it, for what a standing approval covers."""
    said = Approved(event.approval.encode(), event.mandate)
    return replace(event, approved=said.encode())


REFUSED: dict[str, tuple[Callable[[Sale], ApproveRequest], Reason]] = {
    "no seat": (lambda the: the.event(join=None), Reason.EXCHANGE_REFUSED),
    "another deal": (_elsewhere, Reason.EXCHANGE_UNKNOWN),
    "another amount": (lambda the: the.event(PRICE - 1), Reason.REQUEST_MISMATCH),
    "a standing approval": (
        lambda the: by_mandate(the.event(mandate=digest("mandate"))),
        Reason.EXCHANGE_REFUSED,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_and_nothing_changes(case: str) -> None:
    the = sale()
    make, why = REFUSED[case]
    the.bank.memory.put(_mandate(the))
    assert the.no(make(the)) is why


def _mandate(the: Sale) -> Row:
    return Mandate(
        id=digest("mandate"),
        person=ANN,
        payee=node_of("bob"),
        requester=b"",
        brand=r.BRAND,
        name="Lamps",
        text="",
        per_payment=10**6,
        period_us=SECOND,
        per_period=10**6,
        total=10**6,
        until_us=the.bank.now_us + 900 * SECOND,
        granted_at_us=the.bank.now_us,
        confirmation=ASKED,
    )


def test_a_request_for_another_proposal_takes_no_seat_here() -> None:
    the = sale(exchange=digest("another proposal"))
    assert the.no(the.event()) is Reason.EXCHANGE_REFUSED


def test_a_request_without_goods_takes_no_seat() -> None:
    the = sale(exchange=b"")
    assert the.no(the.event()) is Reason.EXCHANGE_REFUSED


def test_goods_of_one_shop_are_not_paid_to_another() -> None:
    """Carol asks for the price of Bob's lamp, in her own name."""
    the = sale(asks="carol")
    assert the.no(the.event()) is Reason.REQUEST_MISMATCH


def test_a_seat_that_gives_a_right_too_is_no_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request says 700; the seat would give the owner's token as well."""
    monkeypatch.setattr(escrow_table, "library_bytes", lambda name: PART_EXCHANGE)
    the = sale(rights=(LAMP, OLD), values=VALUES | {"token": OLD.brand.guid.hex()})
    assert the.no(the.event()) is Reason.EXCHANGE_REFUSED


def test_a_seat_is_taken_once() -> None:
    """By the owner, or by whoever of his people comes first."""
    the = sale()
    the.table.join("buyer")
    assert the.no(the.event()) is Reason.EXCHANGE_STATE
    again = sale()
    again.approve()
    again.bank.memory.put(replace(again.row, phase=C.PRESENTED, approved=b""))
    assert again.no(again.event()) is Reason.EXCHANGE_STATE


def test_the_node_does_not_buy_from_itself() -> None:
    """A leg of money crosses a line."""
    the = sale()
    the.bank.memory.settings = replace(the.bank.memory.settings, node=node_of("bob"))
    assert the.no(the.event()) is Reason.SELF_PAYMENT


def test_an_account_that_is_not_there_is_not_joined_with() -> None:
    the = sale()
    for row in list(the.bank.rows().values()):
        if isinstance(row, Account):
            the.bank.memory.rows.pop(row.key)
    assert the.no(the.event()) is Reason.ACCOUNT_UNKNOWN


def test_nobody_pays_it_without_the_goods() -> None:
    """Neither its payer's core, nor its payee's where a payer's does otherwise."""
    the = sale()
    payment = CreatePayment(
        the.bank.now_us, digest("p")[:16], request_hash(the.signed), the.signed, the.request, "{}"
    )
    assert refused(the.bank.take(payment)) == Refusal(Reason.EXCHANGE_REFUSED)
    world = bank().world
    asked = make_request(world, "Q", PRICE, exchange=digest("goods"))
    row = Payment(
        id=digest("pay")[:16],
        request_hash=request_hash(asked.signed),
        request=asked.signed,
        amount=PRICE,
        brand=asked.brand,
        payee=world.nodes["Q"].id,
        phase=PaymentPhase.ROUTING,
        created_at_us=world.now_us,
        options="{}",
    )
    world.nodes["P"].books.rows[row.key] = row
    begun = dictate(world, row.id, asked, [Route(NAMES, ATOMIC, PRICE)])
    world.event("P", begun.event)
    world.run(world.now_us + 600 * SECOND)
    ended = payment_of(world, "P", begun)
    assert ended.phase is not PaymentPhase.COMMITTED and ended.because is not None
    assert ended.because.reason is Reason.REQUEST_MISMATCH


# ---------------------------------------------------------------- it comes to nothing


def test_a_seller_who_withdraws_frees_the_money() -> None:
    the = sale()
    the.approve()
    withdraw = Withdraw(the.table.id, "buyer", EscrowReason.REFUSED_BY_OWNER)
    bob = the.table.at("seller")
    words = Words(node_of("bob"), node_of("ann"), bob.now_us, withdraw)
    the.table.deliver(bob, words)
    assert the.seat.phase is SeatPhase.WITHDRAWN
    the.is_free(Reason.EXPIRED_AHEAD)


def test_a_stranger_who_withdraws_frees_nothing() -> None:
    the = sale()
    the.approve()
    mallory = Party("mallory")
    withdraw = Withdraw(the.table.id, "buyer", EscrowReason.REFUSED_BY_OWNER)
    words = Words(node_of("mallory"), node_of("ann"), mallory.now_us, withdraw)
    the.table.deliver(mallory, words)
    assert (the.row.phase, the.seat.phase) == (C.APPROVED, SeatPhase.JOINED)


def test_a_seller_who_never_joins_frees_the_money_by_the_clock() -> None:
    the = sale()
    the.approve()
    the.bank.now_us += 600 * SECOND
    the.bank.take(Due(the.bank.now_us, the.seat.key))  # type: ignore[arg-type]
    the.is_free(Reason.EXPIRED_AHEAD)


def test_an_owner_who_leaves_for_it_frees_the_money() -> None:
    the = sale()
    the.approve()
    leave = LeaveSeat(the.bank.now_us, the.table.id, "buyer")
    answered(the.bank.take(leave))
    the.is_free(Reason.EXPIRED_AHEAD)


def test_an_abort_before_the_payment_frees_the_money() -> None:
    the = sale()
    the.approve()
    the.table.join("seller")
    the.table.carry(bend=_without(Give))
    assert the.seat.phase is SeatPhase.FIXED and not _payments(the)
    the.table.abort()
    assert the.seat.phase is SeatPhase.RETURNED
    the.is_free(Reason.ABORTED_AHEAD)


def test_an_abort_once_it_is_being_paid_frees_the_money() -> None:
    the = sale()
    the.approve()
    the.table.join("seller")
    the.table.carry()
    assert _payments(the)
    the.table.abort()
    assert the.seat.phase is SeatPhase.RETURNED
    (payment,) = _payments(the)
    # Its task sees that it is decided, and gives up; until then nobody else ends it.
    answered(
        the.bank.take(GiveUpPayment(the.bank.now_us, payment.id, Refusal(Reason.DEADLINE_PASSED)))
    )
    assert (the.row.phase, the.row.reserved) == (C.EXPIRED, 0)
    assert (the.purse.reserved, the.purse.balance) == (0, 0)


def test_a_denied_request_leaves_the_seat_as_it_is() -> None:
    """As if it had never been requested: the owner may still take the seat himself."""
    the = sale()
    deny = DenyRequest(the.bank.now_us, ASKED, ANN)
    answered(the.bank.take(deny))
    assert the.seat.phase is SeatPhase.INVITED
    assert the.no(the.event()) is Reason.CONFIRMATION_ENDED


def _without(*kinds: type[Body]) -> Callable[[Body], Body | None]:
    return lambda body: None if isinstance(body, kinds) else body


def _payments(the: Sale) -> list[Payment]:
    return [row for row in the.bank.rows().values() if isinstance(row, Payment)]
