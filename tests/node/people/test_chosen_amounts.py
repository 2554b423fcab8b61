"""Requests that leave the amount to a person: what is asked, approved and bound into the terms."""

import pytest

from node.command.sim.cast import signing_key
from node.core.people.rows import Confirmation
from node.core.rows import Payment
from proto.approval import sign_approval
from proto.descriptor import decode_descriptor
from proto.payment_terms import terms_root
from proto.reason import Reason
from tests.node.people.house import ANN, BOB, House, house

ANNS = signing_key("ann")


async def taken(at: House, signed: bytes) -> Confirmation:
    identity, refusal = await at.confirmations.take(ANN, signed)
    assert refusal is None
    row = at.confirmations.find(identity)
    assert row is not None
    return row


@pytest.mark.parametrize(
    ("amount", "payable"), [(None, False), (99, False), (100, True), (700, True), (701, False)]
)
async def test_a_range_is_the_payers_to_choose_from(amount: int | None, payable: bool) -> None:
    async with house() as at:
        at.finder.fee = 3
        row = await taken(at, at.request(amount_min=100)[0])
        prepared = await at.confirmations.prepare(row, ANN, amount)
        assert prepared.payable is payable
        if not payable:
            assert prepared.because is not None
            assert prepared.because.reason is Reason.REQUEST_MISMATCH and prepared.amount == 0
            return
        approved = sign_approval(ANNS, prepared.approval(ANN))
        assert await at.confirmations.approve(row.id, ANN, approved) is None
        payment = at.world.engine("P").memory.row((Payment.table, row.id, b""))
        assert isinstance(payment, Payment) and payment.amount == amount


async def test_where_the_payee_bears_the_fees_the_debit_is_what_was_asked_for() -> None:
    async with house() as at:
        at.finder.fee = 9
        row = await taken(at, at.request(amount_min=600, fees_by_payee=True)[0])
        prepared = await at.confirmations.prepare(row, ANN)
        assert (prepared.amount, prepared.fee, prepared.total) == (691, 9, 700)
        at.finder.fee = 101  # what would arrive is less than the payee takes
        prepared = await at.confirmations.prepare(row, ANN)
        assert not prepared.payable and prepared.no is not None


@pytest.mark.parametrize("bears", [False, True])
async def test_within_this_node_the_chosen_amount_is_bound(bears: bool) -> None:
    async with house() as at:
        signed, _ = await at.asked_by(BOB, amount_min=100, fees_by_payee=bears)
        row = await taken(at, signed)
        prepared = await at.confirmations.prepare(row, ANN, None if bears else 250)
        chosen = 700 if bears else 250
        assert (prepared.amount, prepared.total) == (chosen, chosen)
        approved = sign_approval(ANNS, prepared.approval(ANN))
        assert await at.confirmations.approve(row.id, ANN, approved) is None
        assert (at.purse(ANN).balance, at.purse(BOB).balance) == (-chosen, chosen)
        paid = at.confirmations.find(row.id)
        assert paid is not None
        descriptor = decode_descriptor(paid.settlement[0])
        bound = terms_root(descriptor.salt, row.request_hash, chosen)
        assert descriptor.terms_root == bound != terms_root(descriptor.salt, row.request_hash)
