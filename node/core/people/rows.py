"""What a node remembers of the people whose accounts it keeps, as frozen rows.

A *person* has a *purse* in each brand; an *entry* moves an amount from one account to another, and
every purse is the sum of its entries. The node's owner is nobody of them: its id is empty.
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from hashlib import sha256
from typing import ClassVar, Final

from node.core.keyed import Key, Keyed
from proto.keys import NodeId
from proto.limits import MAX_AMOUNT
from proto.money import Brand

PERSON_BYTES: Final = 16
MAX_ACCOUNT: Final = 1 << 62  # what the columns of a database hold, with room to add
OWNER: Final = b""
LINES: Final = b"lines".ljust(PERSON_BYTES, b"\0")  # the account of what crossed a credit line
CASH: Final = b"cash".ljust(PERSON_BYTES, b"\0")  # of what was paid in or out over the counter


def person_id(name: str) -> bytes:
    """16 bytes from the name by which a person is called at this node: no two have one name."""
    return sha256(b"pledgeway/person/v1\0" + name.encode()).digest()[:PERSON_BYTES]


@unique
class PersonPhase(IntEnum):
    """A closed person approves nothing and cannot log in; what is owed stays in the purses."""

    ACTIVE = 1
    CLOSED = 2


@dataclass(frozen=True)
class Person(Keyed):
    """`name`: lower-case, how requesters call the person; `display`: how pages do."""

    table: ClassVar[str] = "person"
    id: bytes
    name: str
    display: str
    phase: PersonPhase
    created_at_us: int
    ended_at_us: int = 0

    def _key(self) -> Key:
        return self.table, self.id, b""


@unique
class CredentialKind(IntEnum):
    """How a person proves to be there."""

    PASSKEY = 1  # WebAuthn; `public_key` is COSE
    KEY = 2  # an Ed25519 key of 32 bytes, of a program at a command line


@dataclass(frozen=True)
class Credential(Keyed):
    """`id`: of a passkey the authenticator's own (up to 1023 bytes), of a key the key itself.

    `rests_until_us`: it came by a recovery code while its person had another passkey. Until then
    it approves nothing, and whoever has the other one may end it. 0: it never rested.
    """

    table: ClassVar[str] = "credential"
    person: bytes
    id: bytes
    kind: CredentialKind
    public_key: bytes
    label: str
    created_at_us: int
    sign_count: int = 0
    used_at_us: int = 0
    ended_at_us: int = 0
    rests_until_us: int = 0

    def rest_us(self, now_us: int) -> int:
        """How long it still rests; 0: it may approve, as far as that goes."""
        return max(0, self.rests_until_us - now_us)

    def _key(self) -> Key:
        return self.table, self.person, self.id


@dataclass(frozen=True)
class RecoveryCode(Keyed):
    """One of the codes a person wrote down; `hash` is SHA-256 of it. Each opens one session."""

    table: ClassVar[str] = "recovery_code"
    person: bytes
    hash: bytes
    created_at_us: int
    used_at_us: int = 0

    def _key(self) -> Key:
        return self.table, self.person, self.hash


@dataclass(frozen=True)
class Session(Keyed):
    """A browser or program that is logged in. `id`: SHA-256 of the token that only it has.

    `by`: the credential that opened it; empty: a recovery code, which lets its person add a
    passkey and nothing that moves money.
    """

    table: ClassVar[str] = "session"
    id: bytes
    person: bytes
    by: bytes
    created_at_us: int
    seen_at_us: int
    ended_at_us: int = 0

    def _key(self) -> Key:
        return self.table, self.id, b""


@dataclass(frozen=True)
class Invitation(Keyed):
    """Whoever has the token (`id`: its SHA-256) may open the account of this name.

    `limits`: JSON, the limit in each brand by its hex id. `person`: who took it up. One for a name
    that exists adds a credential to that account: the operator's way back in for who lost all.
    """

    table: ClassVar[str] = "invitation"
    id: bytes
    name: str
    display: str
    limits: str
    created_at_us: int
    expires_at_us: int
    person: bytes = b""
    ended_at_us: int = 0

    def _key(self) -> Key:
        return self.table, self.id, b""


@dataclass(frozen=True)
class Purse(Keyed):
    """A person's account in one brand, in its smallest units. `limit` is what the node grants: so
    much the person may owe it. `reserved`: approved and not ended."""

    table: ClassVar[str] = "purse"
    person: bytes
    guid: bytes
    brand: Brand
    limit: int = 0
    booked_in: int = 0
    booked_out: int = 0
    reserved: int = 0

    def _key(self) -> Key:
        return self.table, self.person, self.guid

    @property
    def balance(self) -> int:
        """What the node owes the person; negative where the person owes."""
        return self.booked_in - self.booked_out

    @property
    def available(self) -> int:
        """What may still be approved; negative after the limit was lowered. As in a line, no more
        than the sum of all that ever went out has room for in a database."""
        room = MAX_AMOUNT - self.booked_out - self.reserved
        return min(self.limit + self.balance - self.reserved, room)

    @property
    def room_in(self) -> int:
        """What may still come in, with room to add for what several requests bring at once."""
        return MAX_ACCOUNT - self.booked_in


@unique
class EntryKind(IntEnum):
    """What an entry is of."""

    PAID = 1  # over a line: person -> LINES
    RECEIVED = 2  # LINES -> person
    IN_HOUSE = 3  # person -> person
    PAID_IN = 4  # CASH -> person
    PAID_OUT = 5  # person -> CASH


@dataclass(frozen=True)
class Entry(Keyed):
    """One line of the journal, written once and never changed. It is read from the disk alone.

    `reference`: the confirmation, request or transfer that it is of; `part`: the promise, where
    there may be several. `name`: the other side as pages show it, `text`: for what.
    """

    table: ClassVar[str] = "entry"
    kept: ClassVar[bool] = False
    reference: bytes
    part: bytes
    giver: bytes
    taker: bytes
    brand: Brand
    amount: int
    kind: EntryKind
    at_us: int
    name: str = ""
    text: str = ""

    def _key(self) -> Key:
        return self.table, self.reference, self.part


@unique
class ConfirmationPhase(IntEnum):
    """Escrow section 10, life of a request at its payer's node."""

    RECEIVED = 1
    PRESENTED = 2
    APPROVED = 3
    EXECUTING = 4
    ABORTED = 5  # between two attempts: nothing of the last one can be redeemed
    COMMITTED = 6
    DENIED = 7
    EXPIRED = 8

    @property
    def final(self) -> bool:
        return self >= ConfirmationPhase.COMMITTED

    @property
    def waiting(self) -> bool:
        """For its person."""
        return self <= ConfirmationPhase.PRESENTED


@dataclass(frozen=True)
class Confirmation(Keyed):
    """A request that waits for its person, and what became of it. `id`: the approval_id.

    `asked`: the request as received, with its requester's signature. `person`: whose it is, empty
    until somebody opens its link; `owned`: the node's owner has taken it. `requester`: the key that
    brought it, empty where the person did. `approved`: the Approved. `debit_max`: what was approved
    in all; `reserved` is still held of it in the purse, `debited` has been booked. `settlement`:
    of a payment within this node its descriptor and commit. `mandate`: the standing approval that
    it was paid from. `seat`: of an exchange, the proposal whose seat it joins.
    """

    table: ClassVar[str] = "confirmation"
    id: bytes
    request_hash: bytes
    asked: bytes
    payee: NodeId
    brand: Brand
    phase: ConfirmationPhase
    received_at_us: int
    expires_at_us: int
    requester: bytes = b""
    nonce: bytes = b""
    state: str = ""
    person: bytes = b""
    owned: bool = False
    presented_at_us: int = 0
    approved: bytes = b""
    approved_at_us: int = 0
    valid_until_us: int = 0
    amount: int = 0
    debit_max: int = 0
    reserved: int = 0
    debited: int = 0
    attempt: int = 0
    settlement: tuple[bytes, ...] = ()
    mandate: bytes = b""
    seat: bytes = b""
    ended_at_us: int = 0
    because: str = ""  # name of a proto.reason.Reason

    def _key(self) -> Key:
        return self.table, self.id, b""


@dataclass(frozen=True)
class Mandate(Keyed):
    """A standing approval: `id` is the request_hash of the request that granted it.

    Caps in smallest units, fees included. `in_period` is of the period that began at
    `period_from_us`; both sums count what is reserved and what was debited.
    """

    table: ClassVar[str] = "mandate"
    id: bytes
    person: bytes
    payee: NodeId
    requester: bytes
    brand: Brand
    name: str
    text: str
    per_payment: int
    period_us: int
    per_period: int
    total: int
    until_us: int
    granted_at_us: int
    confirmation: bytes
    period_from_us: int = 0
    in_period: int = 0
    spent: int = 0
    payments: int = 0
    revoked_at_us: int = 0

    def _key(self) -> Key:
        return self.table, self.id, b""


@dataclass(frozen=True)
class KnownPayee(Keyed):
    """A payee that a person has paid: its key is pinned to the name that it had then."""

    table: ClassVar[str] = "known_payee"
    person: bytes
    payee: bytes
    name: str
    domain: str
    first_at_us: int
    last_at_us: int
    payments: int = 1

    def _key(self) -> Key:
        return self.table, self.person, self.payee


@dataclass(frozen=True)
class KnownDomain(Keyed):
    """What our own look-up found: whether this domain's page names this payee."""

    table: ClassVar[str] = "known_domain"
    payee: bytes
    domain: str
    holds: bool
    checked_at_us: int

    def _key(self) -> Key:
        return self.table, self.payee, b""


@dataclass(frozen=True)
class KnownRequester(Keyed):
    """Whom the operator lets ask in others' names, and the URLs that are used for this key.

    `urls`: "notify URL" or "return URL", one a line.
    """

    table: ClassVar[str] = "requester"
    key_id: bytes
    name: str
    urls: str
    added_at_us: int
    ended_at_us: int = 0

    def _key(self) -> Key:
        return self.table, self.key_id, b""


@dataclass(frozen=True)
class Notice(Keyed):
    """A webhook to be delivered: `id` 16 bytes, the same in every try."""

    table: ClassVar[str] = "notice"
    id: bytes
    confirmation: bytes
    phase: ConfirmationPhase
    url: str
    created_at_us: int
    next_at_us: int
    tries: int = 0
    ended_at_us: int = 0
    delivered: bool = False

    def _key(self) -> Key:
        return self.table, self.id, b""


Kept = Purse | Entry | Confirmation | Mandate | KnownPayee | Notice
"""Rows about money: the core alone makes and changes them."""

OfPeople = Person | Credential | RecoveryCode | Session | Invitation | KnownDomain | KnownRequester
"""Rows without money: they are kept as they are given."""

PeopleRow = OfPeople | Kept

PERSONAL: Final = (Credential, RecoveryCode, Session, Purse, Confirmation, Mandate, KnownPayee)
"""Rows with a `person`: looked up by it."""
