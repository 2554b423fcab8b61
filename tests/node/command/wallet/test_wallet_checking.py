"""What a page server that lies would have a wallet sign, and that it does not."""

from dataclasses import replace
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, SECOND, digest, signing_key
from node.command.wallet.checking import (
    MAX_VALID_US,
    Offer,
    OfferFault,
    TooDear,
    Wanted,
    check_offer,
)
from node.command.wallet.view import show_pending
from node.core.people.rows import person_id
from proto.approval import Approval
from proto.levels import Level
from proto.request import PaymentRequest, countersign, request_hash, sign_request
from proto.request_parts import Requester
from tests.proto.receipts import PAYEE, REQUEST

NODE, ID = digest("node"), digest("id")[:16]
ASKED = sign_request(PAYEE, REQUEST)
MINUTE = 60 * SECOND
WANTED = Wanted(ID, "ann", "https://bank.example", NODE)


def approval_of(request: PaymentRequest = REQUEST, **changes: Any) -> Approval:
    honest = Approval(
        request_hash=request_hash(sign_request(PAYEE, request)),
        person=person_id("ann"),
        brand=request.brand.guid,
        total_debit_max=request.amount + 5,
        fee_max=5,
        first_levels=frozenset({Level.ATOMIC}),
        policies=(),
        valid_until_us=NOW_US + MINUTE,
        approval_id=ID,
        attempts_max=5,
        rp_id="bank.example",
    )
    return replace(honest, **changes)


def checked(approval: Approval, asked: bytes = ASKED, **wanted: Any) -> Offer:
    return check_offer(approval.encode(), asked, replace(WANTED, **wanted), NOW_US)


def test_an_honest_offer_is_taken_as_it_is() -> None:
    offer = checked(approval_of())
    assert (offer.approval, offer.request) == (approval_of(), REQUEST)
    assert checked(approval_of(), total_max=REQUEST.amount + 5, amount=REQUEST.amount)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"request_hash": digest("other")}, "another request than is shown"),
        ({"person": person_id("eve")}, "another account"),
        ({"person": b""}, "another account"),
        ({"brand": digest("x")[:16]}, "another brand"),
        ({"total_debit_max": REQUEST.amount + 6}, "does not take that amount"),
        ({"fee_max": 4}, "does not take that amount"),
        ({"approval_id": digest("x")[:16]}, "another request than was named"),
        ({"rp_id": "evil.example"}, "another page"),
        ({"rp_id": ""}, "another page"),
        ({"valid_until_us": NOW_US - 1}, "out of date"),
        ({"valid_until_us": REQUEST.expires_at_us + 1}, "outlasts"),
    ],
)
def test_no_field_can_be_bent(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(OfferFault, match=fault):
        checked(approval_of(**changes))


def test_a_long_approval_of_a_long_request_is_refused() -> None:
    long = replace(REQUEST, expires_at_us=NOW_US + 3 * MAX_VALID_US)
    approval = approval_of(long, valid_until_us=NOW_US + MAX_VALID_US + 1)
    with pytest.raises(OfferFault, match="too long"):
        checked(approval, sign_request(PAYEE, long))


def test_an_approval_of_goods_waits_for_those_who_join_last() -> None:
    """Its request is over when seats can be taken no more; the money is promised after that."""
    goods = replace(
        REQUEST,
        exchange=digest("proposal"),
        expires_at_us=NOW_US + MINUTE,
        latest_deadline_us=0,
        last_levels=frozenset({Level.ATOMIC}),
    )
    asked = sign_request(PAYEE, goods)
    approval = approval_of(goods, valid_until_us=NOW_US + 3 * MINUTE)
    assert checked(approval, asked).approval == approval
    with pytest.raises(OfferFault, match="too long"):
        checked(approval_of(goods, valid_until_us=NOW_US + MAX_VALID_US + 1), asked)
    with pytest.raises(OfferFault, match="outlasts"):
        money = replace(goods, exchange=b"")
        checked(approval_of(money, valid_until_us=NOW_US + 3 * MINUTE), sign_request(PAYEE, money))


def test_the_limit_that_was_set_counts() -> None:
    with pytest.raises(TooDear, match="1 more than you allow"):
        checked(approval_of(), total_max=REQUEST.amount + 4)


def test_another_request_than_the_wallet_has_itself_is_refused() -> None:
    with pytest.raises(OfferFault, match="another request than yours"):
        checked(approval_of(), hashed=digest("mine"))


def test_only_the_payer_chooses() -> None:
    choice = replace(REQUEST, amount_min=1)
    asked = sign_request(PAYEE, choice)
    with pytest.raises(OfferFault, match="another amount than you chose"):
        checked(approval_of(choice), asked)
    with pytest.raises(OfferFault, match="another amount than you chose"):
        checked(approval_of(choice), asked, amount=1)
    assert checked(approval_of(choice), asked, amount=choice.amount)
    by_payee = replace(choice, fees_by_payee=True)
    asked = sign_request(PAYEE, by_payee)
    with pytest.raises(OfferFault, match="another amount than you chose"):
        checked(approval_of(by_payee), asked)
    assert checked(approval_of(by_payee, total_debit_max=by_payee.amount), asked)


def test_signatures_and_audience_of_the_request_count() -> None:
    forged = bytearray(ASKED)
    forged[-1] ^= 1
    with pytest.raises(OfferFault, match="does not hold"):
        checked(approval_of(), bytes(forged))
    others = replace(REQUEST, audience=digest("another node"))
    with pytest.raises(OfferFault, match="payers of another node"):
        checked(approval_of(others), sign_request(PAYEE, others))
    assert checked(approval_of(ours := replace(REQUEST, audience=NODE)), sign_request(PAYEE, ours))
    shop = signing_key("shop")
    named = replace(REQUEST, requester=Requester(shop.public, "Shop"))
    with pytest.raises(OfferFault, match="did not sign"):
        checked(approval_of(named), sign_request(PAYEE, named))
    assert checked(approval_of(named), countersign(shop, sign_request(PAYEE, named)))


@pytest.mark.parametrize("junk", [b"", b"\xff", approval_of().encode() + b"\0", b"x" * 9000])
def test_what_is_no_approval_is_not_signed(junk: bytes) -> None:
    with pytest.raises(OfferFault, match="no approval"):
        check_offer(junk, ASKED, WANTED, NOW_US)


def test_a_passkey_that_rests_is_told_first(capsys: pytest.CaptureFixture[str]) -> None:
    resting = {"label": "thief\u202e's", "created_at_us": 1, "rests_until_us": 60_000_000}
    show_pending({"pending": [], "running": [], "resting": [resting]})
    told = capsys.readouterr().out
    assert "came by a recovery code" in told and "1970-01-01 00:01:00 UTC" in told
    assert "\u202e" not in told
