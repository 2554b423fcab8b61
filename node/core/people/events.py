"""What people, their requesters and the operator of their accounts ask for."""

from dataclasses import dataclass

from node.core.escrow.events import JoinSeat
from node.core.people.rows import (
    Confirmation,
    Credential,
    EntryKind,
    Person,
    Purse,
    RecoveryCode,
    Session,
)
from proto.approval import Approval
from proto.money import Brand
from proto.request import PaymentRequest


@dataclass(frozen=True, slots=True)
class BringRequest:
    """A request for somebody here, read and verified: its row, RECEIVED. Repeated changes nothing;
    another request under the same id is refused."""

    now_us: int
    row: Confirmation


@dataclass(frozen=True, slots=True)
class PresentRequest:
    """A person sees it. The first who opens a request without a name makes it his own.

    `person` empty: the node's owner."""

    now_us: int
    confirmation: bytes
    person: bytes


@dataclass(frozen=True, slots=True)
class DenyRequest:
    """As if it had never been requested."""

    now_us: int
    confirmation: bytes
    person: bytes


@dataclass(frozen=True, slots=True)
class ApproveRequest:
    """An approval whose signature was verified, or (`mandate`) that a standing one stands for.

    `approved`: Approved, and `approval` what it holds; `signed` and `request`: what the payee
    signed. `options`: JSON for the payment. `descriptor`: of a payment within this node, fresh.
    `join`: of a request whose goods change hands in the same decision, the seat that it takes.
    """

    now_us: int
    confirmation: bytes
    person: bytes
    approved: bytes
    approval: Approval
    signed: bytes
    request: PaymentRequest
    options: str
    descriptor: bytes = b""
    mandate: bytes = b""
    join: JoinSeat | None = None


@dataclass(frozen=True, slots=True)
class RevokeMandate:
    """At once: what is not approved yet will not be by it."""

    now_us: int
    mandate: bytes
    person: bytes


@dataclass(frozen=True, slots=True)
class JoinPerson:
    """An invitation is taken up. `purses` with the limits that it grants; `codes` replace what
    there was; without any, those stay."""

    now_us: int
    invitation: bytes
    person: Person
    credential: Credential
    codes: tuple[RecoveryCode, ...]
    purses: tuple[Purse, ...]


@dataclass(frozen=True, slots=True)
class UseCode:
    """A recovery code, once: `session` begins by it."""

    now_us: int
    person: bytes
    code: bytes
    session: Session


@dataclass(frozen=True, slots=True)
class EndInvitation:
    """Withdrawn: nobody takes it up any more."""

    now_us: int
    invitation: bytes


@dataclass(frozen=True, slots=True)
class EndSessions:
    """Logs a person out: of one session (`session`), or of all."""

    now_us: int
    person: bytes
    session: bytes = b""


@dataclass(frozen=True, slots=True)
class EndPerson:
    """The operator closes an account: its sessions, credentials and mandates end with it, and what
    waits for it is denied."""

    now_us: int
    person: bytes


@dataclass(frozen=True, slots=True)
class SetPurseLimit:
    """What the node lets a person owe; approved payments keep what they have."""

    now_us: int
    person: bytes
    brand: Brand
    limit: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """The operator books what was paid in or out over the counter. `reference`: 16 fresh bytes."""

    now_us: int
    reference: bytes
    person: bytes
    brand: Brand
    amount: int
    kind: EntryKind
    text: str


@dataclass(frozen=True, slots=True)
class NoticeSaid:
    """A try has ended. `ended`: no other follows; `delivered`: since it was taken."""

    now_us: int
    notice: bytes
    ended: bool
    delivered: bool


@dataclass(frozen=True, slots=True)
class NoticeAgain:
    """The operator has one said again that was given up, or that is tried too seldom for him."""

    now_us: int
    notice: bytes


PeopleEvent = (
    BringRequest
    | PresentRequest
    | DenyRequest
    | ApproveRequest
    | RevokeMandate
    | JoinPerson
    | UseCode
    | EndInvitation
    | EndSessions
    | EndPerson
    | SetPurseLimit
    | Transfer
    | NoticeSaid
    | NoticeAgain
)
