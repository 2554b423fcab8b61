"""Targets: receipts of payments, the approvals in them, and requests as strangers bring them."""

from dataclasses import replace
from typing import Any, Final

from node.command.sim.cast import NOW_US, SINGLE, digest
from proto.approval import Approved, read_approved, sign_approval
from proto.certificate_file import read_certificate_file
from proto.passkey import ApprovalInvalid, check_approved, check_assertion
from proto.receipt import PaymentReceipt, read_receipt
from proto.receipt_check import Paid, ReceiptInvalid, check_receipt
from proto.request import read_asked, request_hash
from proto.request_parts import MandateTerms
from proto.wire import WireFault
from tests.fuzz.target import Broken, Target
from tests.proto import receipts as r

WIRE: Final = (WireFault,)
APPROVED: Final = r.by_passkey()
STANDING: Final = MandateTerms(100, 86_400_000_000, 500, 5000, NOW_US * 2)
ASKED: Final = replace(
    r.ASKED, mandate=STANDING, domain="lamps.example", refund_to="help@lamps.example"
)
UNDER: Final = replace(r.REQUEST, under=digest("standing"))
BY_KEY: Final = sign_approval(r.PAYER, replace(r.APPROVAL, rp_id=""))
HASH: Final = request_hash(r.signed(r.REQUEST))
RECEIPTS: Final = (
    r.certified(),
    replace(r.certified(r.CHOOSING, 650), booking=r.booking()),
    replace(r.certified(ASKED), request=r.asked(ASKED)),
    replace(r.certified(), approved=APPROVED.encode()),
    r.bare(),
    r.in_house(),
    r.with_goods(),
)


def _receipt(data: bytes) -> Paid:
    paid = check_receipt(data, {}, NOW_US)
    # Nobody but its payee can have made another receipt, and its keys are here alone.
    if paid.payee != r.PAYEE.node_id or paid.amount not in (650, 700):
        raise Broken("a receipt that its payee never signed")
    return paid


def _approved(data: bytes) -> Any:
    """With the checks of its signature; a mutated one holds no more."""
    approved = read_approved(data)
    try:
        check_approved(approved, r.REQUEST, HASH, 700, SINGLE)
    except ApprovalInvalid:
        return approved
    if approved.approval not in (APPROVED.approval, BY_KEY.approval):
        raise Broken("an approval that nobody gave")
    return approved


def _under(data: bytes) -> Any:
    """A standing approval that is said to have granted another."""
    hashed = request_hash(r.signed(UNDER))
    approval = replace(r.APPROVAL, request_hash=hashed).encode()
    granted = read_approved(data)
    return check_approved(
        Approved(approval, UNDER.under), UNDER, hashed, 700, SINGLE, granted=granted
    )


def _assertion(data: bytes) -> Any:
    """Whatever a browser sends as client data."""
    assert not isinstance(APPROVED.by, bytes)
    proof = replace(r.assertion(APPROVED.approval), client_data=data)
    check_assertion(proof, APPROVED.approval, r.RP_ID)
    return data


def receipts() -> list[Target]:
    """What proves a payment to strangers."""
    files = tuple(receipt.encode() for receipt in RECEIPTS)
    granted = replace(r.APPROVAL, request_hash=UNDER.under)
    proof = r.assertion(APPROVED.approval)
    return [
        Target("receipt", read_receipt, WIRE, files, PaymentReceipt.encode, exact=True),
        Target("proof of a payment", _receipt, (ReceiptInvalid,), files, cost=6),
        Target("certificate file", read_certificate_file, WIRE,
               (r.certified().certificate,
                r.certificate_file(r.descriptor_for(r.REQUEST), abort=True)), cost=4),
        Target("approval as given", _approved, WIRE,
               (APPROVED.encode(), BY_KEY.encode(), Approved(BY_KEY.approval, HASH).encode()),
               Approved.encode, cost=4),
        Target("standing approval as granted", _under, (WireFault, ApprovalInvalid),
               (r.by_passkey(granted).encode(),), cost=4),
        Target("client data of a passkey", _assertion, (ApprovalInvalid,), (proof.client_data,),
               cost=4),
        Target("request as asked", lambda d: read_asked(d, NOW_US), WIRE,
               (r.asked(ASKED), r.signed(r.REQUEST)), cost=2),
    ]  # fmt: skip
