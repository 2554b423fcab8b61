"""A person approves a request whose goods come in the same decision: it names one proposal."""

from dataclasses import replace

import pytest

from node.command.sim.cast import SECOND, digest
from node.core.escrow.events import JoinSeat
from node.core.people.events import ApproveRequest
from node.core.people.exchanges import check_exchange
from node.core.view import Step
from proto.escrow.proposal import proposal_hash
from proto.reason import Reason
from proto.request import PaymentRequest, request_hash
from tests.node.core.escrow_table import Table, node_of, right_of
from tests.proto import receipts as r

RIGHT = right_of("reg1", "object", region="Ahern", task_id=5)
VALUES: dict[str, object] = {
    "brand": r.BRAND.guid.hex(),
    "amount": 700,
    "region": "Ahern",
    "task_id": 5,
    "simulator": node_of("reg1").hex(),
}


@pytest.fixture
def table() -> Table:
    table = Table("buy object", {"buyer": "ann", "seller": "bob"}, VALUES, (RIGHT,), "", "bob")
    table.propose()
    table.carry()
    return table


def request(table: Table) -> PaymentRequest:
    exchange = proposal_hash(table.signed)
    return replace(r.REQUEST, payee=node_of("bob"), exchange=exchange)


def event(table: Table, asked: PaymentRequest, amount: int = 700) -> ApproveRequest:
    buyer = table.at("buyer")
    approval = replace(
        r.APPROVAL,
        request_hash=request_hash(r.signed(asked)),
        total_debit_max=amount + 5,
    )
    return ApproveRequest(
        now_us=buyer.now_us + SECOND,
        confirmation=approval.approval_id,
        person=approval.person,
        approval=approval,
        approved=r.by_passkey(approval).encode(),
        signed=r.signed(asked),
        options="{}",
        request=asked,
        join=JoinSeat(buyer.now_us, table.id, "buyer", table.joining("buyer")),
    )


def check(table: Table, asked: PaymentRequest, amount: int = 700) -> Reason | None:
    buyer = table.at("buyer")
    refusal = check_exchange(Step(buyer.memory, buyer.now_us), event(table, asked, amount))
    return refusal.reason if refusal is not None else None


def test_the_request_names_the_proposal_by_its_whole_hash(table: Table) -> None:
    assert check(table, request(table)) is None
    other = replace(request(table), exchange=table.id + digest("another")[:16])
    assert check(table, other) is Reason.EXCHANGE_REFUSED
    without = replace(request(table), exchange=b"")
    assert check(table, without) is Reason.EXCHANGE_REFUSED


def test_the_leg_is_what_was_approved(table: Table) -> None:
    assert check(table, request(table), 701) is Reason.REQUEST_MISMATCH
    stranger = replace(request(table), payee=node_of("carol"))
    assert check(table, stranger) is Reason.REQUEST_MISMATCH
