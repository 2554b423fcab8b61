"""What a wallet signs, checked against what the payee has signed: a page server may lie. Pure.

The server says what a payment costs now, which the wallet cannot know. All the rest of an Approval
follows from the request, and the request is the payee's word under the payee's key.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from node.core.people.rows import person_id
from proto.approval import Approval, read_approval
from proto.request import PaymentRequest, read_asked, request_hash
from proto.wire import WireFault

MAX_VALID_US = 3_600_000_000  # nobody approves today what may be paid tomorrow


class OfferFault(Exception):
    """The server offers something to sign that is not what was asked for."""


class TooDear(OfferFault):
    """It is what was asked for, and may take more than the wallet's owner lets it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the wallet's owner has in mind. `identifier`: of the request at the node, 16 bytes;
    `hashed`: of the very request, where he has it himself; `amount`: as he chose it; `total_max`:
    the most that he lets be debited; None: he has not said."""

    identifier: bytes
    name: str
    origin: str
    node: bytes
    amount: int | None = None
    total_max: int | None = None
    hashed: bytes = b""


@dataclass(frozen=True, slots=True)
class Offer:
    """An approval that says what its request does. `encoded` is what is signed."""

    encoded: bytes
    approval: Approval
    request: PaymentRequest


def read_offered(asked: bytes, now_us: int) -> tuple[bytes, PaymentRequest]:
    """(hash, request) of what the server says was asked, its signatures verified. OfferFault."""
    try:
        signed, request = read_asked(asked, now_us)
    except WireFault as fault:
        raise OfferFault(f"the request does not hold: {fault}") from fault
    return request_hash(signed), request


def check_offer(encoded: bytes, asked: bytes, wanted: Wanted, now_us: int) -> Offer:
    """Raises OfferFault with the first thing that is not as it has to be; TooDear comes last."""
    hashed, request = read_offered(asked, now_us)
    try:
        approval = read_approval(encoded)
    except WireFault as fault:
        raise OfferFault(f"what is to be signed is no approval: {fault}") from fault
    # Money for goods is promised once the last has joined, which may be after the request's time.
    in_time = bool(request.exchange) or approval.valid_until_us <= request.expires_at_us
    for holds, otherwise in (
        (not wanted.hashed or hashed == wanted.hashed, "it is another request than yours"),
        (approval.request_hash == hashed, "it approves another request than is shown"),
        (approval.approval_id == wanted.identifier, "it approves another request than was named"),
        (approval.person == person_id(wanted.name), "it is for another account than yours"),
        (approval.brand == request.brand.guid, "it is in another brand than the request"),
        (request.takes_amount(approval.amount), "the request does not take that amount"),
        (_is_chosen(approval, request, wanted.amount), "it is another amount than you chose"),
        (approval.rp_id == (urlsplit(wanted.origin).hostname or ""), "it is for another page"),
        (request.audience in (b"", wanted.node), "the request is for payers of another node"),
        (now_us <= approval.valid_until_us, "it is out of date"),
        (in_time, "it outlasts the request"),
        (approval.valid_until_us <= now_us + MAX_VALID_US, "it would be good for too long"),
    ):  # fmt: skip
        if not holds:
            raise OfferFault(otherwise)
    over = 0 if wanted.total_max is None else approval.total_debit_max - wanted.total_max
    if over > 0:
        most = f"{approval.total_debit_max} {request.brand.name}"
        raise TooDear(f"it may take {most}, which is {over} more than you allow")
    return Offer(encoded, approval, request)


def _is_chosen(approval: Approval, request: PaymentRequest, amount: int | None) -> bool:
    """Where the request leaves a choice, nobody but the payer makes it."""
    if request.fees_by_payee and approval.total_debit_max > request.amount:
        return False
    if amount is not None:
        return approval.amount == amount
    return request.fees_by_payee or not request.amount_min
