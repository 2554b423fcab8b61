"""Everything that can happen to a node. Time, ids and keys come in with the event."""

from dataclasses import dataclass

from node.core.escrow.events import EscrowEvent
from node.core.people.events import PeopleEvent
from node.core.rows import Key, Request
from node.core.sale.events import SaleEvent
from proto.certificate import Certificate
from proto.descriptor import Descriptor
from proto.keys import NodeId
from proto.levels import Level
from proto.messages import Body
from proto.money import Brand
from proto.onion import Instruction
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest
from proto.statement import InterimKind, SignedStatement


@dataclass(frozen=True, slots=True)
class FromPeer:
    """A verified message of a neighbour. `evidence` is its envelope, as received.

    `opened`: for a Promise, the instruction that its packet held for us and the packet for the
    next node; None where we could not open it.
    """

    now_us: int
    peer: NodeId
    body: Body
    evidence: bytes
    opened: tuple[Instruction, bytes] | None = None


@dataclass(frozen=True, slots=True)
class OfferLine:
    """The owner offers a line and grants `limit`. `line` is 16 fresh bytes."""

    now_us: int
    line: bytes
    peer: NodeId
    brand: Brand
    limit: int


@dataclass(frozen=True, slots=True)
class AcceptLine:
    """The owner accepts a line that the peer offered, and grants `limit` in return."""

    now_us: int
    line: bytes
    limit: int


@dataclass(frozen=True, slots=True)
class ChangeLimit:
    """The owner changes what it grants; pending promises keep what they have."""

    now_us: int
    line: bytes
    limit: int


@dataclass(frozen=True, slots=True)
class CloseLine:
    """The owner wants no new promises over this line, in either direction."""

    now_us: int
    line: bytes


@dataclass(frozen=True, slots=True)
class AddRequest:
    """The owner wants to be paid: the row of a request that it has just signed."""

    now_us: int
    request: Request


@dataclass(frozen=True, slots=True)
class ConfirmRequest:
    """The owner lets a manual request be paid."""

    now_us: int
    request: bytes


@dataclass(frozen=True, slots=True)
class DeclineRequest:
    """The owner refuses the money: the registry is told, and every promise released."""

    now_us: int
    request: bytes


@dataclass(frozen=True, slots=True)
class CreatePayment:
    """`payment` is 16 fresh bytes; the same request never has two live payments.

    `bound`: the descriptor of the exchange whose leg it is. `confirmation`: the approval
    that it is made by. `amount`: what the payee is to get, where the request leaves a choice; 0:
    what it asks for.
    """

    now_us: int
    payment: bytes
    request_hash: bytes
    signed: bytes
    request: PaymentRequest
    options: str
    bound: bytes = b""
    confirmation: bytes = b""
    amount: int = 0


@dataclass(frozen=True, slots=True)
class FirstPromise:
    """The first promise of one chain, as the payer dictates it."""

    promise: bytes
    line: bytes
    amount: int
    level: Level
    expires_at_us: int
    packet: bytes


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """A routed attempt of a payment: all chains under one descriptor."""

    now_us: int
    payment: bytes
    attempt: int
    descriptor_bytes: bytes
    descriptor: Descriptor
    firsts: tuple[FirstPromise, ...]
    admitted: tuple[bytes, ...]
    cost: int
    route: str


@dataclass(frozen=True, slots=True)
class GiveUpPayment:
    """No further attempt: why. `route` is JSON for people: the nearest rejected chains."""

    now_us: int
    payment: bytes
    because: Refusal
    route: str = ""


@dataclass(frozen=True, slots=True)
class AbandonPayment:
    """The payer no longer wants it; the promises bind until the payee releases or time passes."""

    now_us: int
    payment: bytes


@dataclass(frozen=True, slots=True)
class RegistrySaid:
    """A registry's verified answer: final (with the evidence of a commit), interim or refused."""

    now_us: int
    registry: bytes
    commit: bytes
    final: SignedStatement | None = None
    evidence: bytes = b""
    interim: InterimKind | None = None
    refused: Reason | None = None


@dataclass(frozen=True, slots=True)
class LearnCertificate:
    """Somebody brings a decision, in a letter of an exchange; what does not hold changes nothing.

    Nobody but the registries is believed: it is verified here, whoever brought it.
    """

    now_us: int
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class RegistryExposed:
    """A registry that is to decide about `commit` was proven to cheat; `how` is for people."""

    now_us: int
    commit: bytes
    registry: bytes
    how: str


@dataclass(frozen=True, slots=True)
class Due:
    """The time that a row waits for has come."""

    now_us: int
    key: Key


Event = (
    EscrowEvent
    | SaleEvent
    | PeopleEvent
    | FromPeer
    | OfferLine
    | AcceptLine
    | ChangeLimit
    | CloseLine
    | AddRequest
    | ConfirmRequest
    | DeclineRequest
    | CreatePayment
    | StartAttempt
    | GiveUpPayment
    | AbandonPayment
    | RegistrySaid
    | LearnCertificate
    | RegistryExposed
    | Due
)
