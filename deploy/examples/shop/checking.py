"""How a shop knows that it was paid: by the receipt alone, never by a call, a page or a word.

    checker = Checker(payees={NODE}, trust=Trust(registries={HARBOUR}), records=[harbour_record])
    result = checker.check(receipt, Order(request_hash, 700, USD.guid), now_us)
    if isinstance(result, Sold) and not seen_before(result.request_hash):
        hand_over()

Give the goods once for each `request_hash`: a receipt may be shown as often as one likes, and the
shop alone remembers what it has handed over. Whoever brings the receipt need not be the payer: it
proves that somebody paid, so goods go to whom the order names. A webhook says no more than "look
now" (`heard`): then the receipt is fetched and checked.

It needs `proto/` of this project and nothing else: no network, no clock of its own, no database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, unique

from proto.receipt_check import Paid, ReceiptFault, ReceiptInvalid, RestsOn, Trust, check_receipt
from proto.registry_record import RegistryRecord
from proto.webhook import verify_webhook

__all__ = ["Checker", "NotSold", "Order", "Reason", "Sold", "Trust", "heard"]


@unique
class Reason(Enum):
    """Why nothing is to be handed over."""

    PROVES_NOTHING = "the receipt proves nothing"
    OTHER_PAYEE = "the money is somebody else's"
    OTHER_REQUEST = "it is the receipt of another request"
    OTHER_ORDER = "the request was for another basket"
    OTHER_BRAND = "it was paid in something else"
    TOO_LITTLE = "less was paid than the order costs"
    NOT_CERTIFIED = "no registry has decided it, and this shop asks for that"


@dataclass(frozen=True, slots=True)
class Order:
    """What the shop waits for. `request_hash`: SHA-256 of the payee's signed request, 32 bytes.

    `amount`: the least that must have been paid, in smallest units; `brand`: its 16-byte id.
    `order_hash`: of the basket, as it stands in the request; empty: not compared.
    """

    request_hash: bytes
    amount: int
    brand: bytes
    order_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Sold:
    """Paid, in full, to us. `receipt` is what to keep: it proves all of this again."""

    request_hash: bytes
    amount: int
    rests_on: RestsOn
    decided_at_us: int | None
    receipt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotSold:
    """`why` for programs, `text` for people; `fault`: of the receipt, where it proves nothing."""

    why: Reason
    text: str
    fault: ReceiptFault | None = None


class Checker:
    """What one shop believes.

    `payees`: node ids (32 bytes) that take its money. `trust`: the registries and policies that may
    decide about it: its own choice, not the request's, though it made that too. `records`: those
    registries' newest; a receipt brings records along, and of each the newer one counts.
    `uncertified`: whether it also takes what no registry decided (BARE_COMMIT, IN_HOUSE). That
    rests on the payee's node alone, so a shop says yes where that node is its own.
    """

    def __init__(
        self,
        payees: Iterable[bytes],
        trust: Trust,
        records: Iterable[RegistryRecord] = (),
        *,
        uncertified: bool = False,
    ) -> None:
        self._payees = frozenset(payees)
        self._trust = trust
        self._records = {record.registry: record for record in records}
        self._uncertified = uncertified

    def check(self, receipt: bytes, order: Order, now_us: int) -> Sold | NotSold:
        """Whether this order is paid. `now_us`: µs UTC, since keys of registries end. Never raises,
        whatever the bytes are."""
        try:
            paid = check_receipt(receipt, self._records, now_us, self._trust)
        except ReceiptInvalid as fault:
            return NotSold(Reason.PROVES_NOTHING, str(fault), fault.fault)
        why = self._refused(paid, order)
        if why is not None:
            return NotSold(why, why.value)
        return Sold(paid.request_hash, paid.amount, paid.rests_on, paid.decided_at_us, receipt)

    def _refused(self, paid: Paid, order: Order) -> Reason | None:
        if paid.payee not in self._payees:
            return Reason.OTHER_PAYEE
        if paid.request_hash != order.request_hash:
            return Reason.OTHER_REQUEST
        if order.order_hash and paid.order_hash != order.order_hash:
            return Reason.OTHER_ORDER
        if paid.brand.guid != order.brand:
            return Reason.OTHER_BRAND
        if paid.amount < order.amount:
            return Reason.TOO_LITTLE
        if paid.rests_on is not RestsOn.CERTIFIED and not self._uncertified:
            return Reason.NOT_CERTIFIED
        return None


def heard(headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now_s: int) -> bytes:
    """The body of a webhook that one of `keys` (32 bytes each) signed in the last minutes.

    It proves no payment: whatever it says, fetch the receipt and check that. Calls are repeated, so
    remember their ids. Raises proto.webhook.WebhookFault where it is not to be believed at all.
    """
    return verify_webhook(headers, body, keys, now_s)
