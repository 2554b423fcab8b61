"""Receipts of payments, at the payer and at the payee: a file that proves what was paid, offline.

The newest certificate counts: one that its registry's log proof has not reached yet makes as good a
receipt as one that has it.
"""

from typing import Any

from node.control.context import Context
from node.control.evidence_file import certificate_file
from node.control.failure import Arguments, ControlFailure
from node.core.escrow.reading import money_id, terms_of
from node.core.people.rows import Confirmation, ConfirmationPhase
from node.core.rows import (
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Seat,
    Transaction,
)
from proto.descriptor import decode_descriptor
from proto.envelope import Envelope
from proto.messages import MESSAGE_KIND, Redeemed, encode
from proto.plain_text import to_base64
from proto.receipt import PaymentReceipt
from proto.receipt_check import Paid, ReceiptInvalid, Trust, check_receipt
from proto.request import PaymentRequest, payee_signed, read_request, request_hash


async def of_payment(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The payer's receipt of a payment of this node."""
    payment = context.find_payment(arguments.text("id"))
    arguments.done()
    return receipt_json(context, payment_receipt(context, payment))


async def of_request(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The payee's receipt of a request of this node."""
    request = context.find_request(arguments.text("id"))
    arguments.done()
    return receipt_json(context, request_receipt(context, request))


def payment_receipt(
    context: Context,
    payment: Payment,
    *,
    request: bytes = b"",
    approved: bytes = b"",
) -> PaymentReceipt:
    """What the payer of a committed payment can show. Raises ControlFailure where there is nothing.

    `request`: the one that was approved, where goods went with the money and the payment's own was
    made for the leg alone. `approved`: the payer's Approved, for the payer's copy.
    """
    transaction = context.settled.transaction(payment.commit)
    if payment.phase is not PaymentPhase.COMMITTED or transaction is None:
        raise _none(f"this payment is {payment.phase.name}", "`pledgeway payment show` says why")
    asked = request or payment.request
    signed, _ = payee_signed(asked)
    terms = read_request(signed, payment.created_at_us, own=True)
    certificate, commit = _evidence(context, transaction)
    return PaymentReceipt(
        request=asked,
        leg_request=payment.request if payment.bound and signed != payment.request else b"",
        descriptor=transaction.descriptor,
        certificate=certificate,
        commit=commit,
        amount=payment.amount if _chosen(terms, payment.bound) else 0,
        approved=approved,
        openings=_openings(context, payment.commit, payment.id) if payment.bound else (),
    )


def request_receipt(
    context: Context, request: Request, *, naming: Request | None = None
) -> PaymentReceipt:
    """What the payee of a paid request can show. Raises ControlFailure where there is nothing.

    `naming`: the request of this node that named the exchange, where `request` is that of the leg
    which paid it.
    """
    if request.phase is RequestPhase.PAID and not request.commit:
        in_house = context.settled.paid_in_house(request_hash(request.signed))
        if in_house is not None:
            return confirmation_receipt(context, in_house, payers=False)
    transaction = context.settled.transaction(request.commit)
    held = [p for p in context.settled.promises(request.commit) if p.owner == request.id]
    came = [p for p in held if p.phase is PromisePhase.REDEEMED]
    # Signed is not paid: of a bare commit each neighbour has still to book what it promised.
    if request.phase is not RequestPhase.PAID or transaction is None or not came:
        raise _none("this request is not paid", "`pledgeway request show` says how it stands")
    terms = read_request(request.signed, request.created_at_us, own=True)
    certificate, commit = _evidence(context, transaction)
    return PaymentReceipt(
        request=request.signed if naming is None else naming.signed,
        leg_request=b"" if naming is None else request.signed,
        descriptor=transaction.descriptor,
        certificate=certificate,
        commit=commit,
        amount=_total(came) if _chosen(terms, request.bound) else 0,
        # A booking tells a neighbour and the sum of its line: beside a certificate it proves
        # nothing more, and would only be told.
        booking=b"" if certificate else max(came, key=_amount).ended_by,
        openings=_openings(context, request.commit, request.id) if request.bound else (),
    )


def receipt_json(context: Context, receipt: PaymentReceipt) -> dict[str, Any]:
    """The file in base64, and what it rests on. It is checked first: a node hands out nothing that
    does not hold."""
    data = receipt.encode()
    known = {key: kept.record for key, kept in context.book.registries.items()}
    decided_by = decode_descriptor(receipt.descriptor).policy
    trust = Trust(policies=frozenset({decided_by}))
    try:
        paid = check_receipt(data, known, context.clock.now_us(), trust)
    except ReceiptInvalid as fault:
        raise ControlFailure(
            "NOT_PROVEN",
            f"the receipt would prove nothing now: {fault}",
            "where its registry has a new record: `pledgeway node registry add` it, then try again",
        ) from fault
    return {"file": to_base64(data), **paid_json(paid)}


def paid_json(paid: Paid) -> dict[str, Any]:
    """What a receipt proves, as every answer shows it: ids in hex, amounts in smallest units."""
    return {
        "kind": paid.rests_on.value,
        "payee": paid.payee.hex(),
        "payee_alias": paid.request.payee_alias,
        "amount": paid.amount,
        "brand": paid.brand.name,
        "brand_id": paid.brand.guid.hex(),
        "request_id": paid.request.request_id.hex(),
        "request_hash": paid.request_hash.hex(),
        "order_hash": paid.order_hash.hex(),
        "commit_id": paid.commit_id.hex(),
        "decided_at_us": paid.decided_at_us,
    }


def confirmation_receipt(
    context: Context, confirmation: Confirmation, *, payers: bool = True
) -> PaymentReceipt:
    """What can be shown of what a person of this node approved. Raises ControlFailure where nothing
    was paid. `payers`: the payer's own copy, with the approval in it."""
    approved = confirmation.approved if payers else b""
    if confirmation.settlement:
        return _in_house(context, confirmation, approved)
    payment = payment_of(context, confirmation)
    if payment is None:
        raise _none(f"this request is {confirmation.phase.name}", "nothing was paid")
    return payment_receipt(context, payment, request=confirmation.asked, approved=approved)


def payment_of(context: Context, confirmation: Confirmation) -> Payment | None:
    """What an approval became, where it crosses a line; None while there is none. It has the
    confirmation's id, but for the money's leg of an exchange."""
    memory = context.engine.memory
    row = memory.row((Payment.table, confirmation.id, b""))
    if isinstance(row, Payment):
        return row
    if not confirmation.seat and confirmation.phase is not ConfirmationPhase.COMMITTED:
        return None
    legs = (p for p in memory.owned(Payment) if p.confirmation == confirmation.id)
    leg = next(legs, None)
    if leg is not None or confirmation.phase is not ConfirmationPhase.COMMITTED:
        return leg
    taken = (s for s in memory.owned(Seat) if s.confirmation == confirmation.id)
    legs_ids = [money_id(s.id, no) for s in taken for no in range(1, len(s.given) + 1)]
    for identity in (confirmation.id, *legs_ids):
        if archived := context.settled.payments(identity.hex()):
            return archived[0]
    return None


def _in_house(context: Context, confirmation: Confirmation, approved: bytes) -> PaymentReceipt:
    """Of a payment between two people of this node, whose books are all that moved.

    The node signed with the request's own one-time key, as it would for any payment; that it booked
    it, it signs here. Both rest on this node alone, and a reader is told so.
    """
    descriptor, commit = confirmation.settlement
    signed, _ = payee_signed(confirmation.asked)
    terms = read_request(signed, confirmation.received_at_us, own=True)
    key = context.identity.key
    booked = Redeemed(terms.request_id, confirmation.id, 1, confirmation.amount)
    payload = encode(key.node_id, key.node_id, booked)
    return PaymentReceipt(
        request=confirmation.asked,
        descriptor=descriptor,
        commit=commit,
        booking=Envelope.seal(key, MESSAGE_KIND, payload).encode(),
        amount=confirmation.amount if terms.leaves_choice else 0,
        approved=approved,
    )


def _evidence(context: Context, transaction: Transaction) -> tuple[bytes, bytes]:
    """(certificate file, b"") or (b"", evidence of a bare commit)."""
    if transaction.commit_certificate:
        return certificate_file(context, transaction), b""
    if decode_descriptor(transaction.descriptor).policy.members:
        raise _none(
            "no registry's certificate is here: the last promise was BARE, and needed none",
            "a payer's node asks for one when it pays for a person: look again in a moment",
        )
    return b"", transaction.commit_evidence


def _chosen(request: PaymentRequest, bound: bytes) -> bool:
    """Whether the amount stands in the receipt: in an exchange it stands in the leg."""
    return request.leaves_choice and not bound


def _total(promises: list[Promise]) -> int:
    return sum(p.amount for p in promises)


def _amount(promise: Promise) -> int:
    return promise.amount


def _openings(context: Context, commit: bytes, identity: bytes) -> tuple[bytes, ...]:
    """Of the money's leg, of the payee's seat, and of the proposal: no other party's."""
    for seat in context.engine.memory.owned(Seat):
        if seat.commit != commit:
            continue
        terms = terms_of(seat)
        for no, leg in sorted(terms.legs.items()):
            if money_id(seat.id, no) == identity and leg.to_seat in terms.by_seat:
                found = (terms.by_leg[no], terms.by_seat[leg.to_seat], terms.by_order)
                return tuple(opening.encode() for opening in found if opening is not None)
    raise _none("the exchange that it was part of is not kept any more", "")


def _none(cause: str, next_step: str) -> ControlFailure:
    return ControlFailure("NOT_FOUND", f"there is no receipt: {cause}", next_step)
