"""Ann at the buyer's node of an exchange, with the seller's request on her screen."""

from dataclasses import dataclass, replace

from node.command.sim.cast import SECOND, SINGLE, digest, signing_key
from node.command.sim.cores.plan import answered, refused
from node.core.escrow.events import JoinSeat, LetterCame
from node.core.escrow.reading import committer_key, money_id
from node.core.escrow.rows import Seat
from node.core.people.events import ApproveRequest, BringRequest, PresentRequest
from node.core.people.rows import (
    Confirmation,
    ConfirmationPhase,
    Credential,
    CredentialKind,
    Entry,
    Person,
    PersonPhase,
    Purse,
    person_id,
)
from node.core.rows import Request, RequestPhase
from proto.approval import Approval, PasskeyProof
from proto.escrow.letters import Fix
from proto.escrow.letters import Letter as Words
from proto.escrow.proposal import proposal_hash
from proto.escrow.rights import Right
from proto.levels import Level
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest, request_hash, sign_request
from tests.node.core import escrow_table
from tests.node.core.escrow_table import Party, Table, node_of, right_of
from tests.proto import receipts as r

ANN = person_id("ann")
ASKED = digest("approval")[:16]
PRICE, ROOM, LIMIT = 700, 30, 1_000
LAMP = right_of("reg1", "object", region="Ahern", task_id=5)
OLD = right_of("reg1", "token", no=1)
VALUES: dict[str, object] = {
    "brand": r.BRAND.guid.hex(),
    "amount": PRICE,
    "region": "Ahern",
    "task_id": 5,
    "simulator": node_of("reg1").hex(),
}
C = ConfirmationPhase
# A lamp for money and for something old: more than the request says.
PART_EXCHANGE = b"""{"template": "buy object", "version": 1, "seats": ["buyer", "seller"],
 "gather": [
  {"name": "payment", "from": "buyer",
   "is": {"type": "money", "brand": {"?": "brand"}, "amount": {"?": "amount"}}},
  {"name": "old", "from": "buyer", "is": {"type": "right", "brand": {"?": "token"}, "amount": 1}},
  {"name": "deliverable", "from": "seller",
   "is": {"type": "object", "registrar": {"?": "simulator", "default": "any"},
          "region": {"?": "region", "type": "text"},
          "task_id": {"?": "task_id", "type": "number"}}}],
 "distribute": [{"name": "deliverable", "to": "buyer"}, {"name": "old", "to": "seller"},
                {"name": "payment", "to": "seller"}]}"""


class Shop(Table):
    """A table whose seller asks to be paid by the leg of money, as its node does."""

    def deliver(self, sender: Party, words: Words) -> object:  # type: ignore[override]
        if not isinstance(words.body, Fix) or words.body.seat != "seller":
            return super().deliver(sender, words)
        seller = self.at("seller")
        seed = self.seat("seller").seed
        terms = replace(
            r.REQUEST,
            request_id=money_id(self.seat("seller").id, 1),
            payee=node_of("bob"),
            amount=PRICE,
            committer_key=committer_key(seed).public,
            seal_certificate=r.seal_of(signing_key("bob")),
            last_levels=frozenset({Level.ATOMIC}),
            policies=(SINGLE,),
        )
        row = Request(
            id=terms.request_id,
            signed=sign_request(signing_key("bob"), terms),
            seed=seed,
            amount=PRICE,
            brand=r.BRAND,
            phase=RequestPhase.OPEN,
            created_at_us=seller.now_us,
            expires_at_us=terms.expires_at_us,
        )
        made = escrow_table.encode_letter(words)
        signed = escrow_table.sign_letter(signing_key(sender.name), made)
        event = LetterCame(
            seller.now_us, words, made, digest("s"), signed, requests=((1, row),)
        )  # fmt: skip
        return seller.take(event)


@dataclass
class Sale:
    """The table, and Ann at the buyer's node with the seller's request on her screen."""

    table: Table
    request: PaymentRequest
    asks: str = "bob"

    @property
    def bank(self) -> Party:
        return self.table.at("buyer")

    @property
    def row(self) -> Confirmation:
        found = self.bank.memory.row((Confirmation.table, ASKED, b""))
        assert isinstance(found, Confirmation)
        return found

    @property
    def purse(self) -> Purse:
        found = self.bank.memory.row((Purse.table, ANN, r.BRAND.guid))
        assert isinstance(found, Purse)
        return found

    @property
    def seat(self) -> Seat:
        return self.table.seat("buyer")

    @property
    def signed(self) -> bytes:
        return sign_request(signing_key(self.asks), self.request)

    def bring(self) -> None:
        row = Confirmation(
            id=ASKED,
            request_hash=request_hash(self.signed),
            asked=self.signed,
            payee=self.request.payee,
            brand=r.BRAND,
            phase=C.RECEIVED,
            received_at_us=self.bank.now_us,
            expires_at_us=self.request.expires_at_us,
            person=ANN,
        )
        for event in (
            BringRequest(self.bank.now_us, row),
            PresentRequest(self.bank.now_us, ASKED, ANN),
        ):
            answered(self.bank.take(event))

    def event(self, amount: int = PRICE, **changes: object) -> ApproveRequest:
        approval = Approval(
            request_hash=request_hash(self.signed),
            person=ANN,
            brand=r.BRAND.guid,
            total_debit_max=amount + ROOM,
            fee_max=ROOM,
            first_levels=frozenset({Level.ATOMIC}),
            policies=(),
            valid_until_us=self.bank.now_us + 600 * SECOND,
            approval_id=ASKED,
            attempts_max=2,
            rp_id="bank.example",
        )
        join = JoinSeat(self.bank.now_us, self.table.id, "buyer", self.table.joining("buyer"))
        made = ApproveRequest(
            now_us=self.bank.now_us,
            confirmation=ASKED,
            person=ANN,
            approved=r.by_passkey(approval).encode(),
            approval=approval,
            signed=self.signed,
            request=self.request,
            options="{}",
            join=join,
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    def approve(self) -> None:
        answered(self.bank.take(self.event()))

    def no(self, event: ApproveRequest) -> Reason:
        """It must be refused, and leave everything as it was."""
        before = self.bank.rows()
        refusal = refused(self.bank.take(event))
        assert isinstance(refusal, Refusal) and self.bank.rows() == before
        return refusal.reason

    def is_free(self, why: Reason) -> None:
        """Nothing is held, nothing was booked, and whoever asked is told why."""
        assert (self.row.phase, self.row.because) == (C.EXPIRED, why.name)
        assert (self.row.reserved, self.row.debited, self.purse.reserved) == (0, 0, 0)
        assert self.purse.balance == 0
        assert not [row for row in self.bank.rows().values() if isinstance(row, Entry)]


def sale(
    asks: str = "bob",
    rights: tuple[Right, ...] = (LAMP,),
    values: dict[str, object] | None = None,
    **changes: object,
) -> Sale:
    """Proposed, and the invitation is there. `asks`: who signs the request; `changes`: of it."""
    seats = {"buyer": "ann", "seller": "bob"}
    table = Shop("buy object", seats, values or VALUES, rights, "", "bob")
    table.propose()
    table.carry()
    content: dict[str, object] = {
        "payee": node_of(asks),
        "amount": PRICE,
        "exchange": proposal_hash(table.signed),
        "seal_certificate": r.seal_of(signing_key(asks)),
    }
    made = Sale(table, replace(r.REQUEST, **(content | changes)), asks)  # type: ignore[arg-type]
    given = r.by_passkey(made.event().approval).by
    assert isinstance(given, PasskeyProof)
    kind, now_us = CredentialKind.PASSKEY, made.bank.now_us
    for row in (
        Credential(ANN, given.credential, kind, given.public_key, "phone", now_us),
        Person(ANN, "ann", "Ann", PersonPhase.ACTIVE, made.bank.now_us),
        Purse(ANN, r.BRAND.guid, r.BRAND, LIMIT),
    ):
        made.bank.memory.put(row)
    made.bring()
    return made
