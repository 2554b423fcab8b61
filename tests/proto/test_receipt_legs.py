"""Receipts of money that goes with goods: what a leg of an exchange proves."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.command.sim.cast import NOW_US, digest, signing_key
from proto.receipt import PaymentReceipt
from proto.receipt_check import Paid, ReceiptFault, ReceiptInvalid, check_receipt
from proto.request import sign_request
from tests.proto import receipts as r


def check(receipt: PaymentReceipt) -> Paid:
    return check_receipt(receipt.encode(), {}, NOW_US)


def fault(receipt: PaymentReceipt) -> ReceiptFault:
    with pytest.raises(ReceiptInvalid) as caught:
        check(receipt)
    return caught.value.fault


def test_money_that_goes_with_goods_is_proven_by_its_leg() -> None:
    paid = check(r.with_goods())
    assert (paid.amount, paid.payer, paid.exchange) == (700, r.PAYER.node_id, r.PROPOSAL)


def test_the_request_of_the_leg_itself_is_bound_by_its_key() -> None:
    assert check(r.with_goods(r.LEG, shown=(0, 2), own=None)).amount == 700
    other = replace(r.LEG, committer_key=digest("another"))
    assert fault(r.with_goods(other, own=None)) is ReceiptFault.COMMITTER


def test_terms_that_seat_the_payee_under_another_key_prove_nothing() -> None:
    """Mallory fixes terms that pay the shop, signs them by a key of his own, and a registry that
    everybody trusts certifies it: it has learnt nothing of who was to get what."""
    forged = r.with_goods(own=None)
    assert fault(forged) is ReceiptFault.COMMITTER
    mallory = signing_key("mallory")
    his = replace(r.LEG, payee=mallory.node_id, committer_key=r.COMMITTER.public)
    for signer in (mallory, r.PAYEE):
        leg = sign_request(signer, his)
        with pytest.raises(ReceiptInvalid):
            check(replace(forged, leg_request=leg))


def test_the_requests_of_two_payees_do_not_go_together() -> None:
    mallory = signing_key("mallory")
    his = replace(r.LEG, payee=mallory.node_id, seal_certificate=r.seal_of(mallory))
    shown = replace(r.with_goods(), leg_request=sign_request(mallory, his))
    assert fault(shown) is ReceiptFault.OTHER_PAYEE


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [
        (lambda: r.with_goods(shown=(2, 3)), ReceiptFault.OPENING),
        (lambda: r.with_goods(shown=(0, 3)), ReceiptFault.OPENING),
        (lambda: r.with_goods(shown=(1, 2, 3)), ReceiptFault.OPENING),
        (lambda: r.with_goods(shown=(0, 0, 2)), ReceiptFault.OPENING),
        (lambda: r.with_goods(shown=(0, 2)), ReceiptFault.OTHER_EXCHANGE),
        (lambda: r.with_goods(replace(r.EXCHANGING, exchange=b"")), ReceiptFault.OTHER_EXCHANGE),
        (lambda: replace(r.certified(), leg_request=r.signed(r.LEG)), ReceiptFault.OTHER_EXCHANGE),
        (lambda: replace(r.with_goods(), leg_request=b"x"), ReceiptFault.REQUEST),
        (
            lambda: r.with_goods(own=replace(r.LEG, committer_key=digest("x"))),
            ReceiptFault.COMMITTER,
        ),
        (lambda: r.with_goods(own=replace(r.LEG, amount=701)), ReceiptFault.AMOUNT),
        (
            lambda: r.with_goods(own=replace(r.LEG, brand=r.common_brand("EUR"))),
            ReceiptFault.OTHER_BRAND,
        ),
        (
            lambda: r.with_goods(committers=(r.COMMITTER.public, digest("x"))),
            ReceiptFault.COMMITTER,
        ),
        (lambda: r.with_goods(shown=()), ReceiptFault.OTHER_EXCHANGE),
        (lambda: r.with_goods(proposal=digest("x")), ReceiptFault.OTHER_EXCHANGE),
        (lambda: r.with_goods(money=replace(r.MONEY, amount=699)), ReceiptFault.AMOUNT),
        (lambda: r.with_goods(money=replace(r.MONEY, fee_max=1)), ReceiptFault.AMOUNT),
        (lambda: replace(r.with_goods(), amount=700), ReceiptFault.AMOUNT),
        (
            lambda: r.with_goods(money=replace(r.MONEY, brand=digest("EUR")[:16])),
            ReceiptFault.OTHER_BRAND,
        ),
        (
            lambda: r.with_goods(seat=replace(r.SEAT, party=r.PAYER.node_id)),
            ReceiptFault.OTHER_PAYEE,
        ),
        (
            lambda: r.with_goods(
                money=replace(r.MONEY, carrier=r.MoneyCarrier(r.PAYER.node_id, r.PAYER.node_id))
            ),
            ReceiptFault.OTHER_PAYEE,
        ),
        (lambda: r.with_goods(seat=replace(r.SEAT, key=digest("x"))), ReceiptFault.COMMITTER),
        (
            lambda: r.with_goods(replace(r.EXCHANGING, audience=digest("another node"))),
            ReceiptFault.OTHER_PAYER,
        ),
    ],
)
def test_a_leg_that_is_not_this_request_proves_nothing(
    receipt: Callable[[], PaymentReceipt], expected: ReceiptFault
) -> None:
    assert fault(receipt()) is expected
