"""Receipts made of rows: of payments, requests and approvals, and where there is none."""

from base64 import b64decode
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from node.archive import Archive
from node.command.sim.cast import NOW_US, R1, SECOND, SINGLE, digest
from node.control.failure import Arguments, ControlFailure
from node.control.receipts import (
    confirmation_receipt,
    of_payment,
    of_request,
    payment_receipt,
    receipt_json,
    request_receipt,
)
from node.control.settled import Settled
from node.core.payee import committer_key
from node.core.people.rows import Confirmation, ConfirmationPhase
from node.core.rows import (
    Direction,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Role,
    Row,
    Transaction,
)
from node.migrations import MIGRATIONS
from node.store import ROWS, SCHEMA_VERSION, STORE_KIND, metadata
from proto.commit import Evidence, sign_share
from proto.descriptor import commit_id
from proto.keys import SigningKey
from proto.levels import Level
from proto.policy import EMPTY_POLICY
from proto.receipt import PaymentReceipt
from proto.receipt_check import Paid, RestsOn, check_receipt
from proto.receipt_terms import in_house_descriptor
from proto.request import PaymentRequest, request_hash
from runtime.store import open_store
from tests.proto import receipts as r

SEED = digest("seed of the request")
# What this node asked for: its committer key is made from the seed, as the core makes it.
ASKED = replace(r.REQUEST, committer_key=committer_key(SEED).public)
CHOOSING = replace(r.CHOOSING, committer_key=committer_key(SEED).public)


@dataclass
class Memory:
    rows: dict[Any, Row] = field(default_factory=dict)

    def row(self, key: Any) -> Row | None:
        return self.rows.get(key)

    def ended_confirmations(self) -> list[Any]:
        return [row for row in self.owned(Confirmation) if row.phase.final]

    def owned(self, kind: type) -> list[Any]:
        return [row for row in self.rows.values() if isinstance(row, kind)]


@dataclass
class Known:
    """A registry of the node's book."""

    record: Any = R1.record


class FakeContext:
    """The daemon as receipts see it: rows, its book, its key, its clock."""

    def __init__(self, *rows: Row, key: SigningKey = r.PAYEE) -> None:
        self.memory = Memory({row.key: row for row in rows})
        self.engine = self.settled = self.book = self.clock = self.identity = self
        self.registries = {R1.id: Known()}
        self.key = key
        self.archived: list[Payment] = []

    def now_us(self) -> int:
        return NOW_US

    def transaction(self, commit: bytes) -> Any:
        return self.memory.row((Transaction.table, commit, b""))

    def promises(self, commit: bytes) -> list[Promise]:
        return [p for p in self.memory.owned(Promise) if p.commit == commit]

    def payments(self, named: str) -> list[Payment]:
        return [p for p in self.archived if p.id.hex() == named]

    def paid_in_house(self, hashed: bytes) -> Confirmation | None:
        rows = self.memory.owned(Confirmation)
        return next((c for c in rows if c.settlement and c.request_hash == hashed), None)

    def find_payment(self, named: str) -> Payment:
        return next(p for p in self.memory.owned(Payment) if p.id.hex().startswith(named))

    def find_request(self, named: str) -> Request:
        return next(p for p in self.memory.owned(Request) if p.id.hex().startswith(named))


def context(*rows: Row) -> Any:
    return FakeContext(*rows)


def transaction(request: PaymentRequest, amount: int = 0, *, bare: bool = False) -> Transaction:
    """Decided by R1, or by nobody."""
    descriptor = r.descriptor_for(request, amount)
    if bare:
        descriptor = replace(descriptor, policy=EMPTY_POLICY)
    encoded = descriptor.encode()
    share = sign_share(committer_key(SEED), commit_id(encoded))
    file = r.pb.CertificateFile.FromString(r.certificate_file(descriptor, key=committer_key(SEED)))
    return Transaction(
        commit=commit_id(encoded),
        descriptor=encoded,
        role=Role.PAYEE,
        deadline_us=descriptor.deadline_us,
        limit_us=descriptor.limit_us,
        commit_evidence=Evidence((share,)).encode(),
        commit_certificate=b"" if bare else file.commit.SerializeToString(),
    )


def payment(request: PaymentRequest, decided: Transaction, amount: int = 700) -> Payment:
    return Payment(
        id=r.APPROVAL.approval_id,
        request_hash=request_hash(r.signed(request)),
        request=r.signed(request),
        amount=amount,
        brand=r.BRAND,
        payee=r.PAYEE.node_id,
        phase=PaymentPhase.COMMITTED,
        created_at_us=NOW_US,
        commit=decided.commit,
        confirmation=r.APPROVAL.approval_id,
    )


def request(terms: PaymentRequest, decided: Transaction | None, **changes: Any) -> Request:
    made = Request(
        id=terms.request_id,
        signed=r.signed(terms),
        seed=SEED,
        amount=terms.amount,
        brand=terms.brand,
        phase=RequestPhase.PAID,
        created_at_us=NOW_US,
        expires_at_us=terms.expires_at_us,
        commit=decided.commit if decided is not None else b"",
    )
    return replace(made, **changes)


def held(decided: Transaction, amount: int, phase: PromisePhase = PromisePhase.REDEEMED) -> Promise:
    return Promise(
        promisor=r.NEIGHBOUR.node_id,
        id=digest(f"promise of {amount}")[:16],
        direction=Direction.IN,
        line=digest("line")[:16],
        peer=r.NEIGHBOUR.node_id,
        commit=decided.commit,
        amount=amount,
        level=Level.BARE,
        expires_at_us=NOW_US + SECOND,
        phase=phase,
        ended_by=r.booking(),
        owner=ASKED.request_id,
    )


def checked(receipt: PaymentReceipt) -> Paid:
    return check_receipt(receipt.encode(), {}, NOW_US)


def refused(make: Any) -> str:
    with pytest.raises(ControlFailure) as caught:
        make()
    assert caught.value.code == "NOT_FOUND"
    return str(caught.value.message)


# ---------------------------------------------------------------- payments and requests


async def test_both_sides_show_the_same_payment() -> None:
    decided = transaction(ASKED)
    rows = decided, payment(ASKED, decided), request(ASKED, decided), held(decided, 700)
    answers = []
    for verb, row in ((of_payment, rows[1]), (of_request, rows[2])):
        answers.append(await verb(context(*rows), Arguments({"id": row.id.hex()})))
    assert answers[0] == answers[1] and answers[0]["kind"] == "certified"
    paid = check_receipt(b64decode(answers[0]["file"]), {}, NOW_US)
    assert (paid.amount, paid.policy, paid.booked_by) == (700, SINGLE, None)


def test_the_amount_that_was_chosen_is_shown() -> None:
    decided = transaction(CHOOSING, 650)
    payer = payment_receipt(context(decided), payment(CHOOSING, decided, 650))
    parts = held(decided, 400), held(decided, 250)
    payee = request_receipt(context(decided, *parts), request(CHOOSING, decided))
    assert payer == payee and checked(payer).amount == 650


def test_the_largest_booking_stands_beside_a_bare_commit() -> None:
    decided = transaction(ASKED, bare=True)
    small = replace(held(decided, 100), ended_by=b"not the largest")
    receipt = request_receipt(context(decided, small, held(decided, 600)), request(ASKED, decided))
    paid = checked(receipt)
    assert paid.rests_on is RestsOn.BARE_COMMIT and paid.booked_by == r.NEIGHBOUR.node_id


def test_what_is_not_paid_has_no_receipt() -> None:
    decided = transaction(ASKED)
    for phase in (PaymentPhase.ROUTING, PaymentPhase.PROMISED, PaymentPhase.ABORTED):
        row = replace(payment(ASKED, decided), phase=phase)
        assert phase.name in refused(lambda row=row: payment_receipt(context(decided), row))
    for phase in (RequestPhase.OPEN, RequestPhase.SIGNED, RequestPhase.DECLINED):
        row = request(ASKED, decided, phase=phase)
        assert refused(lambda row=row: request_receipt(context(decided, held(decided, 7)), row))
    pending = held(decided, 700, PromisePhase.ACCEPTED)
    assert refused(lambda: request_receipt(context(decided, pending), request(ASKED, decided)))


def test_a_commit_is_no_receipt_where_registries_decide() -> None:
    """The payee's last promise was BARE, so it never asked them."""
    decided = replace(transaction(ASKED), commit_certificate=b"")
    made = context(decided, held(decided, 700))
    assert "certificate" in refused(lambda: request_receipt(made, request(ASKED, decided)))


def test_what_would_not_hold_is_not_handed_out() -> None:
    decided = transaction(ASKED)
    broken = replace(payment_receipt(context(decided), payment(ASKED, decided)), amount=1)
    with pytest.raises(ControlFailure) as caught:
        receipt_json(context(), broken)
    assert caught.value.code == "NOT_PROVEN"


# ---------------------------------------------------------------- what people approved


def approved_for(terms: PaymentRequest) -> bytes:
    approval = replace(r.APPROVAL, request_hash=request_hash(r.signed(terms)))
    return r.by_passkey(approval).encode()


def confirmation(terms: PaymentRequest, *settlement: bytes) -> Confirmation:
    return Confirmation(
        id=r.APPROVAL.approval_id,
        request_hash=request_hash(r.signed(terms)),
        asked=r.asked(terms) if terms.requester is not None else r.signed(terms),
        payee=r.PAYEE.node_id,
        brand=r.BRAND,
        phase=ConfirmationPhase.COMMITTED,
        received_at_us=NOW_US,
        expires_at_us=terms.expires_at_us,
        approved=approved_for(terms),
        amount=700,
        settlement=settlement,
    )


def test_the_payers_copy_has_the_approval_and_who_asked() -> None:
    terms = replace(ASKED, requester=r.ASKED.requester)
    decided = transaction(terms)
    row = confirmation(terms)
    made = context(decided, payment(terms, decided))
    paid = checked(confirmation_receipt(made, row))
    assert paid.approved is not None and paid.approved.encode() == row.approved and paid.requested
    assert checked(confirmation_receipt(made, row, payers=False)).approved is None
    assert refused(lambda: confirmation_receipt(context(), row))
    gone = context(decided)
    gone.archived = [payment(terms, decided)]
    assert checked(confirmation_receipt(gone, row)).approved is not None
    denied = replace(row, phase=ConfirmationPhase.DENIED)
    assert "DENIED" in refused(lambda: confirmation_receipt(gone, denied))


def test_what_memory_has_let_go_of_is_found_on_the_disk(tmp_path: Path) -> None:
    """Many may have been asked; one of them paid."""
    hashed = request_hash(r.signed(ASKED))
    denied = replace(confirmation(ASKED), id=digest("denied")[:16], phase=ConfirmationPhase.DENIED)
    paid = replace(confirmation(ASKED, b"descriptor", b"evidence"), person=digest("anna")[:16])
    other = replace(confirmation(CHOOSING, b"descriptor", b"evidence"), id=digest("other")[:16])
    store = open_store(tmp_path / "node.db", STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS)
    with store as opened:
        entry = ROWS[Confirmation.table]
        with opened.engine.begin() as connection:
            for row in (denied, paid, other):
                values = zip(entry.columns, entry.inserted(row, 1), strict=True)
                connection.execute(insert(entry.table), dict(values))
        settled = Settled(Memory(), Archive(opened.engine))  # type: ignore[arg-type]
        assert settled.paid_in_house(hashed) == paid
        assert settled.paid_in_house(digest("none")) is None
    settled = Settled(Memory({paid.key: paid}), None)  # type: ignore[arg-type]
    assert settled.paid_in_house(hashed) == paid


def test_a_payment_within_the_node_is_shown_as_such() -> None:
    hashed = request_hash(r.signed(ASKED))
    descriptor = in_house_descriptor(ASKED, hashed, 700, digest("fresh"), NOW_US).encode()
    share = sign_share(committer_key(SEED), commit_id(descriptor))
    row = confirmation(ASKED, descriptor, Evidence((share,)).encode())
    payers = checked(confirmation_receipt(context(row), row))
    assert payers.rests_on is RestsOn.IN_HOUSE and payers.approved is not None
    assert payers.booked_by == r.PAYEE.node_id
    payees = checked(request_receipt(context(row), request(ASKED, None)))
    assert payees.rests_on is RestsOn.IN_HOUSE and payees.approved is None
    assert refused(lambda: request_receipt(context(), request(ASKED, None)))


def test_the_amount_that_was_chosen_within_the_node_is_shown() -> None:
    hashed = request_hash(r.signed(CHOOSING))
    descriptor = in_house_descriptor(CHOOSING, hashed, 700, digest("fresh"), NOW_US).encode()
    share = sign_share(committer_key(SEED), commit_id(descriptor))
    row = confirmation(CHOOSING, descriptor, Evidence((share,)).encode())
    assert checked(confirmation_receipt(context(row), row)).amount == 700
