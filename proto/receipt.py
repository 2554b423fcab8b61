"""A payment receipt: what either side can show of a payment that happened (escrow section 10).

This room reads and writes it. What it proves, and on what that rests, says proto.receipt_check.
"""

from dataclasses import dataclass
from typing import Final

from proto.approval import MAX_APPROVED_BYTES
from proto.certificate_file import MAX_CERTIFICATE_FILE_BYTES
from proto.limits import (
    MAX_AMOUNT,
    MAX_DESCRIPTOR_BYTES,
    MAX_ENVELOPE_BYTES,
    MAX_EVIDENCE_BYTES,
    MAX_REQUEST_BYTES,
)
from proto.v1 import confirm_pb2 as pb
from proto.wire import WireFault, canonical, parse_canonical

MAX_OPENINGS: Final = 3  # the leg of the money, the seat of its payee, and the proposal
MAX_OPENING_BYTES: Final = 1024  # a leaf of 200 bytes below at most six hashes
MAX_BOOKING_BYTES: Final = 1024  # Redeemed, 300 bytes, with its path in a batch of messages
# A certificate is nearly all of it; the rest is bounded by what the requests themselves may have.
MAX_RECEIPT_BYTES: Final = MAX_CERTIFICATE_FILE_BYTES + MAX_ENVELOPE_BYTES


@dataclass(frozen=True, slots=True)
class PaymentReceipt:
    """`certificate`: a certificate file (proto.certificate_file), else b"" and `commit`, the
    Evidence of a bare commit. `booking`: an Envelope with Redeemed. `amount`: that the payer chose
    in the brand's smallest units, 0 where the request left no choice. `approved`: Approved, in the
    payer's copy. `openings`: Opening (proto.escrow.terms), where goods moved with the money;
    `leg_request`: the payee's for that leg, where `request` is the one that names the exchange."""

    request: bytes
    descriptor: bytes
    certificate: bytes = b""
    commit: bytes = b""
    booking: bytes = b""
    amount: int = 0
    approved: bytes = b""
    openings: tuple[bytes, ...] = ()
    leg_request: bytes = b""

    def encode(self) -> bytes:
        return canonical(
            pb.PaymentReceipt(
                request=self.request,
                descriptor=self.descriptor,
                certificate=self.certificate,
                commit=self.commit,
                booking=self.booking,
                amount=self.amount,
                approved=self.approved,
                openings=self.openings,
                leg_request=self.leg_request,
            )
        )


def read_receipt(data: bytes) -> PaymentReceipt:
    """Raises WireFault where it is none, too long, or in another form than its own. Nothing in it
    is verified."""
    if len(data) > MAX_RECEIPT_BYTES:
        raise WireFault(f"a receipt has at most {MAX_RECEIPT_BYTES} bytes")
    m = parse_canonical(pb.PaymentReceipt, data)
    bounds = (
        (m.request, MAX_REQUEST_BYTES),
        (m.descriptor, MAX_DESCRIPTOR_BYTES),
        (m.certificate, MAX_CERTIFICATE_FILE_BYTES),
        (m.commit, MAX_EVIDENCE_BYTES),
        (m.booking, MAX_BOOKING_BYTES),
        (m.approved, MAX_APPROVED_BYTES),
        (m.leg_request, MAX_REQUEST_BYTES),
        *((opening, MAX_OPENING_BYTES) for opening in m.openings),
    )
    if any(len(part) > most for part, most in bounds) or len(m.openings) > MAX_OPENINGS:
        raise WireFault("a receipt with too long a part, or too many")
    if not m.request or not m.descriptor:
        raise WireFault("a receipt without a request or without a transaction")
    if m.amount > MAX_AMOUNT:
        raise WireFault("a receipt over an amount beyond the largest")
    return PaymentReceipt(
        m.request,
        m.descriptor,
        m.certificate,
        m.commit,
        m.booking,
        m.amount,
        m.approved,
        tuple(m.openings),
        m.leg_request,
    )
