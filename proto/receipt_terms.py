"""Whether the transaction of a receipt is the one that its request was to be paid by.

Two kinds of terms say so. A payment's own transaction hashes the request into its terms_root. Where
goods change hands in the same decision, the terms are leaves (proto.escrow.terms), and three of
them are shown: the money's leg names payer, payee, brand and amount; the payee's seat names the key
that signs for it; the order names the proposal.

Whoever fixes the terms writes those leaves, and may seat a payee who knows nothing of it under a
key of his own. So a key counts that the payee has signed for: no leaf holds a request, since the
terms are fixed before a payee makes the one of its leg, but that request names the seat's key as
its committer key, and without that key's signature nothing of the exchange is decided. A request
that names the exchange is shown with the leg's own.
"""

from dataclasses import dataclass
from enum import Enum, unique

from proto.descriptor import Descriptor
from proto.escrow.legs import Leg, MoneyCarrier
from proto.escrow.terms import Opening, Order, SeatTerms, Term
from proto.keys import NodeId
from proto.payment_terms import terms_root
from proto.policy import EMPTY_POLICY
from proto.receipt import PaymentReceipt
from proto.request import PaymentRequest
from proto.wire import WireFault


@unique
class TermsFault(Enum):
    """Why a transaction does not pay a request."""

    COMMITTER = "the transaction is not signed for by the key of the request"
    TERMS = "the terms of the transaction do not name the request"
    AMOUNT = "the request does not take that amount"
    DEADLINE = "the transaction's deadline lies beyond the latest that the request takes"
    OPENING = "what it shows of the terms does not open into the transaction, or names no money"
    OTHER_PAYEE = "the money of the transaction is another payee's"
    OTHER_BRAND = "the money of the transaction is of another brand"
    OTHER_PAYER = "the money of the transaction comes from another node than the request is for"
    OTHER_EXCHANGE = "the transaction is of another exchange than the request names"


class TermsInvalid(ValueError):
    """`fault` names what is wrong."""

    def __init__(self, fault: TermsFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Terms:
    """What was to arrive, in smallest units; who pays, and under which proposal (its hash), where
    goods went with the money."""

    amount: int
    payer: NodeId | None = None
    exchange: bytes = b""


def in_house_descriptor(
    request: PaymentRequest, request_hash: bytes, amount: int, salt: bytes, at_us: int
) -> Descriptor:
    """The transaction of a payment between people of one node: nobody decides but the payee's node,
    which signs it as it books it at `at_us`. `salt`: 32 fresh bytes. Under it a receipt reads as of
    any other payment."""
    chosen = amount if request.leaves_choice else None
    return Descriptor(
        salt=salt,
        deadline_us=at_us,
        policy=EMPTY_POLICY,
        committers=(request.committer_key,),
        threshold=1,
        terms_root=terms_root(salt, request_hash, chosen),
    )


def check_terms(
    receipt: PaymentReceipt,
    request: PaymentRequest,
    leg_request: PaymentRequest | None,
    request_hash: bytes,
    descriptor: Descriptor,
) -> Terms:
    """What the transaction says of the request. Both requests are verified. Raises TermsInvalid."""
    if descriptor.deadline_us > request.latest_deadline_us:
        raise TermsInvalid(TermsFault.DEADLINE)
    if receipt.openings:
        return _check_leg(receipt, request, leg_request or request, descriptor)
    if request.exchange or leg_request is not None:
        raise TermsInvalid(TermsFault.OTHER_EXCHANGE)
    # As the payee's node has it: another key, or a preimage of somebody's, would decide as well.
    alone = descriptor.committers == (request.committer_key,) and descriptor.threshold == 1
    if not alone or descriptor.hashlocks:
        raise TermsInvalid(TermsFault.COMMITTER)
    amount = _amount(receipt, request)
    chosen = amount if request.leaves_choice else None
    if terms_root(descriptor.salt, request_hash, chosen) != descriptor.terms_root:
        raise TermsInvalid(TermsFault.TERMS)
    return Terms(amount)


def _amount(receipt: PaymentReceipt, request: PaymentRequest) -> int:
    amount = receipt.amount if request.leaves_choice else request.amount
    if not request.takes_amount(amount) or receipt.amount not in (0, amount):
        raise TermsInvalid(TermsFault.AMOUNT)
    if receipt.amount and not request.leaves_choice:
        raise TermsInvalid(TermsFault.AMOUNT)  # one payment, one form of its receipt
    return amount


def _check_leg(
    receipt: PaymentReceipt, request: PaymentRequest, own: PaymentRequest, descriptor: Descriptor
) -> Terms:
    """`own`: the leg's own request."""
    leg, carrier, seat, proposal = _opened(receipt, descriptor)
    if not carrier.payee == seat.party == own.payee == request.payee:
        raise TermsInvalid(TermsFault.OTHER_PAYEE)
    if not leg.brand == own.brand.guid == request.brand.guid:
        raise TermsInvalid(TermsFault.OTHER_BRAND)
    fits = own.takes_amount(leg.amount) and request.takes_amount(leg.amount)
    if receipt.amount or leg.fee_max or not fits:
        raise TermsInvalid(TermsFault.AMOUNT)
    if request.audience and carrier.payer != request.audience:
        raise TermsInvalid(TermsFault.OTHER_PAYER)
    # Nothing of an exchange moves without the payee: each of its keys signs, and this is its own.
    if seat.key != own.committer_key or seat.key not in descriptor.committers:
        raise TermsInvalid(TermsFault.COMMITTER)
    if descriptor.threshold != len(descriptor.committers):
        raise TermsInvalid(TermsFault.COMMITTER)
    named = request.exchange or (proposal if own is request else b"")
    if named != proposal:
        raise TermsInvalid(TermsFault.OTHER_EXCHANGE)
    return Terms(leg.amount, carrier.payer, proposal)


def _opened(
    receipt: PaymentReceipt, descriptor: Descriptor
) -> tuple[Leg, MoneyCarrier, SeatTerms, bytes]:
    """Leg, what carries it, the seat that it goes to, and the hash of the proposal or b""."""
    terms = [_term(data, descriptor) for data in receipt.openings]
    legs = [t for t in terms if isinstance(t, Leg) and isinstance(t.carrier, MoneyCarrier)]
    seats = [t for t in terms if isinstance(t, SeatTerms)]
    orders = [t.proposal_hash for t in terms if isinstance(t, Order)]
    whole = len(legs) == len(seats) == 1 and len(legs) + len(seats) + len(orders) == len(terms)
    if not whole or len(orders) > 1 or legs[0].to_seat != seats[0].seat:
        raise TermsInvalid(TermsFault.OPENING)
    carrier = legs[0].carrier
    assert isinstance(carrier, MoneyCarrier)
    return legs[0], carrier, seats[0], orders[0] if orders else b""


def _term(data: bytes, descriptor: Descriptor) -> Term:
    try:
        opening = Opening.decode(data)
        term = opening.term
    except WireFault as fault:
        raise TermsInvalid(TermsFault.OPENING) from fault
    if not opening.opens(descriptor.terms_root):
        raise TermsInvalid(TermsFault.OPENING)
    return term
