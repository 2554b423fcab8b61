"""The example shop with a payer's node and a node of its own that say what a test wants."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from node.command.sim.cast import NOW_US, R1, SECOND, digest
from proto.plain_text import to_base64
from proto.request import PaymentRequest, request_hash, sign_request, to_text
from proto.request_parts import Requester
from proto.submission import Submitted, read_submission
from tests.proto import receipts as r

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "examples" / "shop"
sys.path.insert(0, str(FOLDER))  # its rooms find each other, and are no package
try:
    import asking
    import bank
    import checking
    import goods
    import orders
    import pages
    import selling
    import shop as program
    from own_node import NodeFault
finally:
    sys.path.remove(str(FOLDER))

__all__ = ["bank", "checking", "goods", "orders", "pages", "program", "selling"]

ORIGIN: Final = "https://bank.example"
SESSION: Final = "the browser"
TERMS: Final = asking.Terms(
    "Lamps", "USD", "https://shop.example/thanks", "https://shop.example/called"
)
ORDER: Final = orders.Order(
    number="a" * 32,
    session=SESSION,
    basket='{"ledger": 1}',
    amount=700,
    brand=r.BRAND.guid,
    order_hash=r.REQUEST.order_hash,
    request_id=r.REQUEST.request_id.hex(),
    request_hash=request_hash(r.signed(r.REQUEST)),
    state="5" * 32,
    nonce=digest("shop's nonce"),
    endpoint=f"{ORIGIN}/back/requests",
    keys="[]",
    expires_at_us=NOW_US + 60 * SECOND,
    created_at_us=NOW_US,
    approval_id=digest("approval")[:16],
    node_nonce=digest("node's nonce"),
    approval_url=f"{ORIGIN}/a/1",
    poll=f"{ORIGIN}/back/requests/1",
)


@dataclass
class FakeBanks:
    """A payer's node: what it says, or that it does not answer (""), and what it shows."""

    said: str = "RECEIVED"
    shows: bytes = b""
    takes: bool = True
    expires: int = NOW_US + SECOND
    brought: list[Submitted] = field(default_factory=list)
    keys: tuple[str, ...] = ()

    async def find(self, origin: str) -> Any:
        return bank.Bank(origin, r.PAYER.node_id, "Bank", f"{origin}/back/requests", self.keys)

    async def bring(self, at: Any, submission: bytes) -> Any:
        self.brought.append(read_submission(submission, r.PAYER.node_id, NOW_US))
        if not self.takes:
            raise bank.BankFault("it does not answer")
        places = (f"{at.origin}/a/1", f"{at.origin}/back/requests/1")
        number = len(self.brought).to_bytes(16, "big")
        return bank.Brought(number, *places, digest("its nonce"), self.expires, True)

    async def standing(self, poll: str, wait_s: int = 0) -> Any:
        if not self.said:
            raise bank.BankFault("it does not answer")
        return bank.Standing(self.said, self.said in ("COMMITTED", "DENIED", "EXPIRED"))

    async def receipt(self, poll: str) -> bytes:
        if not self.shows:
            raise bank.BankFault("it shows none")
        return self.shows


@dataclass
class FakeNode:
    """The shop's own node: how the request stands, and the receipt that it has."""

    phase: str = "OPEN"
    has: bytes = b""
    of: bytes = ORDER.request_hash
    down: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        self.asked.append((verb, arguments))
        if self.down:
            raise NodeFault("the shop's node does not answer")
        if verb == "request.create":
            return _created(arguments, len(self.asked))
        if verb == "request.decline" and self.phase == "SIGNED":
            raise NodeFault("the shop's node says no: it is being paid")
        if verb == "request.receipt":
            return {"file": to_base64(self.has)}
        return {"phase": self.phase, "request_hash": self.of.hex()}

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.asked]


def _created(said: dict[str, Any], number: int) -> dict[str, Any]:
    """As the payee would sign it."""
    asks = said["requester"]
    request = replace(
        r.REQUEST,
        request_id=number.to_bytes(16, "big"),
        amount=said["amount"],
        order_hash=bytes.fromhex(said["order_hash"]),
        requester=Requester(
            bytes.fromhex(asks["key"]), asks["name"], asks["notify_url"], asks["return_url"]
        ),
        audience=bytes.fromhex(said["audience"]),
        under=bytes.fromhex(said.get("under", "")),
        retry_of=bytes.fromhex(said.get("retry_of", "")),
    )
    return _told(request)


def _told(request: PaymentRequest) -> dict[str, Any]:
    return {
        "id": request.request_id.hex(),
        "text": to_text(sign_request(r.PAYEE, request)),
        "brand_id": request.brand.guid.hex(),
        "expires_at_us": request.expires_at_us,
    }


@dataclass
class Till:
    """A shop, and those whom it asks."""

    selling: Any
    banks: FakeBanks
    node: FakeNode
    orders: Any

    @property
    def sold(self) -> int:
        """How often something was handed over for ORDER's request, by the shop's own book."""
        return int(self.orders.delivery(ORDER) is not None)


def till(folder: Path, now_us: Callable[[], int] = lambda: NOW_US) -> Till:
    """With ORDER waiting. The registry R1 decides."""
    banks, node, book = FakeBanks(), FakeNode(), orders.Orders(folder / "orders.sqlite")
    trust = checking.Trust(frozenset({R1.id}))
    checker = checking.Checker({r.PAYEE.node_id}, trust, [R1.record], uncertified=True)
    made = selling.Selling(TERMS, book, node, banks, checker, r.SHOP, now_us)
    book.add(ORDER)
    return Till(made, banks, node, book)
