"""One bank P with people, a hop A and a payee Q, their cores driven by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from node.command.sim.cores.plan import (
    FEES,
    Attempt,
    Route,
    answered,
    chain_world,
    dictate,
    make_request,
)
from node.command.sim.cores.world import World
from node.core.apply import Applied
from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.events import (
    ApproveRequest,
    BringRequest,
    JoinPerson,
    PresentRequest,
)
from node.core.people.rows import (
    CASH,
    LINES,
    Confirmation,
    ConfirmationPhase,
    Credential,
    CredentialKind,
    Entry,
    Invitation,
    KnownRequester,
    Mandate,
    Notice,
    Person,
    PersonPhase,
    Purse,
    RecoveryCode,
    person_id,
)
from node.core.rows import Request
from proto.approval import Approval, Approved, PasskeyProof
from proto.envelope import Proof
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.modes import Mode
from proto.money import Rate
from proto.request import PaymentRequest, read_request, request_hash

ATOMIC = (Level.ATOMIC, Level.ATOMIC)
NAMES = ["P", "A", "Q"]
ANN, BOB = person_id("ann"), person_id("bob")
MINUTE_US = 60_000_000


def of_person(the: "Bank", request: Request, person: bytes) -> Request:
    """The request as one of P's people has it."""
    rows = the.world.nodes["P"].books.rows
    row = replace(rows[request.key], person=person)
    assert isinstance(row, Request)
    rows[request.key] = row
    return row


@dataclass
class Bank:
    """The world, and shortcuts to what P remembers."""

    world: World

    def do(self, event: object) -> Applied:
        return self.world.event("P", event)  # type: ignore[arg-type]

    def row(self, kind: type, one: bytes, other: bytes = b"") -> object:
        table: str = kind.table  # type: ignore[attr-defined]
        return self.world.nodes["P"].books.rows.get((table, one, other))

    def purse(self, person: bytes, request: Request) -> Purse:
        row = self.row(Purse, person, request.brand.guid)
        assert isinstance(row, Purse)
        return row

    def confirmation(self, request: Request) -> Confirmation:
        row = self.row(Confirmation, approval_id(request))
        assert isinstance(row, Confirmation)
        return row

    def mandate(self, request: Request) -> Mandate:
        row = self.row(Mandate, request_hash(request.signed))
        assert isinstance(row, Mandate)
        return row

    def entries(self) -> list[Entry]:
        rows = self.world.nodes["P"].books.rows.values()
        return [row for row in rows if isinstance(row, Entry)]

    def notices(self) -> list[Notice]:
        rows = self.world.nodes["P"].books.rows.values()
        return [row for row in rows if isinstance(row, Notice)]

    def sums(self) -> dict[bytes, int]:
        """What the journal says that each account has."""
        found: dict[bytes, int] = {}
        for entry in self.entries():
            found[entry.giver] = found.get(entry.giver, 0) - entry.amount
            found[entry.taker] = found.get(entry.taker, 0) + entry.amount
        return found

    def assert_books(self) -> None:
        """Every purse is the sum of its entries, and all accounts together have nothing."""
        sums = self.sums()
        assert sum(sums.values()) == 0
        for row in self.world.nodes["P"].books.rows.values():
            if isinstance(row, Purse):
                assert row.balance == sums.get(row.person, 0)
                assert row.reserved >= 0
        assert set(sums) <= {ANN, BOB, LINES, CASH}


def bank(limit: int = 100_000, levels: Sequence[Level] = ATOMIC) -> Bank:
    """Ann and Bob have accounts at P; both may owe it `limit`."""
    fees = FeeSet(MappingProxyType({**FEES.fees, Mode.ATOMIC: Fee(Rate.parse("1.005"))}))
    world, _ = chain_world(tuple(levels), fees=fees)
    made = Bank(world)
    for name in ("ann", "bob"):
        answered(made.do(invitation(world, name)))
        answered(made.do(joining(world, name, limit)))
    return made


def invitation(world: World, name: str) -> KeepRow:
    row = Invitation(
        sha256(name.encode()).digest(), name, name.title(), "{}", world.now_us,
        world.now_us + MINUTE_US,
    )  # fmt: skip
    return KeepRow(world.now_us, row)


def joining(world: World, name: str, limit: int = 0, credential: bytes = b"passkey") -> JoinPerson:
    person = person_id(name)
    brand = world.line("P", "A").brand
    return JoinPerson(
        world.now_us,
        sha256(name.encode()).digest(),
        Person(person, name, name.title(), PersonPhase.ACTIVE, world.now_us),
        Credential(person, credential, CredentialKind.PASSKEY, b"cose", "phone", world.now_us),
        tuple(RecoveryCode(person, sha256(bytes((i,))).digest(), world.now_us) for i in range(2)),
        (Purse(person, brand.guid, brand, limit),),
    )


def approval_id(request: Request) -> bytes:
    return sha256(b"approval" + request.id).digest()[:16]


def read(request: Request) -> PaymentRequest:
    return read_request(request.signed, request.created_at_us)


def brought(
    world: World, request: Request, person: bytes = ANN, requester: bytes = b""
) -> BringRequest:
    row = Confirmation(
        id=approval_id(request),
        request_hash=request_hash(request.signed),
        asked=request.signed,
        payee=read(request).payee,
        brand=request.brand,
        phase=ConfirmationPhase.RECEIVED,
        received_at_us=world.now_us,
        expires_at_us=read(request).expires_at_us,
        requester=requester,
        person=person,
    )
    return BringRequest(world.now_us, row)


def shown(the: Bank, request: Request, person: bytes = ANN) -> None:
    """Brought, and on the person's screen."""
    answered(the.do(brought(the.world, request, person)))
    answered(the.do(PresentRequest(the.world.now_us, approval_id(request), person)))


def approval(the: Bank, request: Request, person: bytes = ANN, **changes: object) -> Approval:
    """Of the whole amount, with room for fees of a tenth."""
    amount = int(changes.pop("amount", request.amount))  # type: ignore[call-overload]
    fee_max = int(changes.pop("fee_max", amount // 10))  # type: ignore[call-overload]
    said = {
        "request_hash": request_hash(request.signed),
        "person": person,
        "brand": request.brand.guid,
        "total_debit_max": amount + fee_max,
        "fee_max": fee_max,
        "first_levels": frozenset({Level.ATOMIC}),
        "policies": (),
        "valid_until_us": the.world.now_us + 10 * MINUTE_US,
        "approval_id": approval_id(request),
        "attempts_max": 2,
        "rp_id": "bank.example",
    } | changes
    return Approval(**said)  # type: ignore[arg-type]


def by_passkey(person: bytes) -> PasskeyProof | Proof:
    """The assertion of the passkey with which people here join, or the owner's own signature."""
    by_owner = Proof(bytes(32), bytes(64))
    return PasskeyProof(b"passkey", b"cose", b"", b"", b"", "") if person else by_owner


def approving(
    the: Bank, request: Request, said: Approval | None = None, person: bytes = ANN, **more: object
) -> ApproveRequest:
    """The event; whoever verified the passkey is believed here. `more`: its other fields."""
    said = approval(the, request, person) if said is None else said
    by = bytes(more.get("mandate", b"")) or by_passkey(person)  # type: ignore[call-overload]
    return ApproveRequest(
        the.world.now_us,
        approval_id(request),
        person,
        Approved(said.encode(), by).encode(),
        said,
        request.signed,
        read(request),
        "{}",
        **more,  # type: ignore[arg-type]
    )


def attempt(the: Bank, request: Request, no: int = 1, **options: object) -> Attempt:
    """What the payer's task dictates for an approved request."""
    levels: Sequence[Level] = options.pop("levels", ATOMIC)  # type: ignore[assignment]
    route = Route(NAMES, levels, request.amount)
    return dictate(
        the.world,
        approval_id(request),
        request,
        [route],
        attempt=no,
        **options,  # type: ignore
    )


def paid(the: Bank, request: Request, person: bytes = ANN) -> Attempt:
    """Approved, begun, and run to its end."""
    shown(the, request, person)
    answered(the.do(approving(the, request, person=person)))
    begun = attempt(the, request)
    answered(the.do(begun.event))
    the.world.run(the.world.now_us)
    return begun


def asked(the: Bank, amount: int = 1000, payee: str = "Q", **changes: object) -> Request:
    return make_request(the.world, payee, amount, **changes)


def registered(world: World, key: bytes, *urls: str) -> KeepRow:
    return KeepRow(world.now_us, KnownRequester(key, "Shop", "\n".join(urls), world.now_us))
