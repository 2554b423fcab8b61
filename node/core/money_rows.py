"""What a node remembers of lines, promises, payments and requests, as frozen rows."""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import ClassVar

from node.core.keyed import Key, Keyed
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.money import Brand
from proto.reason import Refusal


@unique
class LinePhase(IntEnum):
    """Life of a line; the balance outlives it."""

    OFFERED = 1  # by us, not yet accepted
    ASKED = 2  # by the peer, not yet accepted
    OPEN = 3
    CLOSED = 4  # final for new promises; pending ones and the balance live on


@dataclass(frozen=True)
class Line(Keyed):
    """One credit line with one neighbour in one brand.

    `limit_in` is what we grant (the peer may owe us that much), `limit_out` what the peer grants.
    Each direction is written by its promisor alone: `booked_*` is its running total of redeemed
    promises, `sequence_*` their number. `pending_*` sums the promises that have not ended,
    `held_*` their amounts × seconds of lock (node.core.caps).
    """

    table: ClassVar[str] = "line"
    id: bytes
    peer: NodeId
    brand: Brand
    phase: LinePhase
    limit_in: int = 0
    limit_out: int = 0
    booked_out: int = 0
    sequence_out: int = 0
    booked_in: int = 0
    sequence_in: int = 0
    pending_out: int = 0
    count_out: int = 0
    pending_in: int = 0
    count_in: int = 0
    held_out: int = 0
    held_in: int = 0

    def _key(self) -> Key:
        return self.table, self.id, b""

    @property
    def balance(self) -> int:
        """What the peer owes us, net; negative where we owe."""
        return self.booked_in - self.booked_out

    @property
    def available_out(self) -> int:
        """What we can still promise to the peer; negative after a limit was lowered.

        Running totals only grow, and must fit a message whatever the limits are.
        """
        total = MAX_AMOUNT - self.booked_out - self.pending_out
        return min(self.limit_out + self.balance - self.pending_out, total)

    @property
    def available_in(self) -> int:
        """What the peer can still promise to us."""
        total = MAX_AMOUNT - self.booked_in - self.pending_in
        return min(self.limit_in - self.balance - self.pending_in, total)


@unique
class Direction(IntEnum):
    """Whose promise it is, seen from this node."""

    OUT = 1  # we are the promisor
    IN = 2  # we are the promisee


@unique
class PromisePhase(IntEnum):
    """Protocol section 8, life of a promise."""

    OFFERED = 1
    ACCEPTED = 2
    REDEEMED = 3
    RELEASED = 4
    EXPIRED = 5
    ABORTED = 6
    REFUSED = 7

    @property
    def final(self) -> bool:
        return self > PromisePhase.ACCEPTED


@unique
class Shown(IntEnum):
    """Which evidence has been shown upstream for a promise that we hold."""

    NOTHING = 0
    COMMIT = 1
    CERTIFICATE = 2
    REFUSED = 3  # a certificate, and the promisor would not have it: newer signatures may help


@dataclass(frozen=True)
class Promise(Keyed):
    """One promise, given or held. `partner` is the id of the promise that covers it or that it
    covers on this node; empty for payer and payee. `owner`: the payment that it serves at its
    payer, the request at its payee; empty in between. `evidence` is the signed envelope of a
    promise that we hold, and of the message that ended one that we gave."""

    table: ClassVar[str] = "promise"
    promisor: NodeId
    id: bytes
    direction: Direction
    line: bytes
    peer: NodeId
    commit: bytes
    amount: int
    level: Level
    expires_at_us: int
    phase: PromisePhase
    partner: NodeId | bytes = b""  # promisor of the partner promise
    partner_id: bytes = b""
    shown: Shown = Shown.NOTHING
    made_at_us: int = 0
    ended_at_us: int = 0
    because: Refusal | None = None
    evidence: bytes = b""
    ended_by: bytes = b""
    owner: bytes = b""

    def _key(self) -> Key:
        return self.table, self.promisor, self.id

    @property
    def pending(self) -> bool:
        return self.phase <= PromisePhase.ACCEPTED


@unique
class Role(IntEnum):
    """What this node is in a transaction; V11 lets it be only one of them, in a payment.

    SEAT: it has a part in an exchange, and may be all of them at once under its commit_id.
    """

    PAYER = 1
    HOP = 2
    PAYEE = 3
    SEAT = 4


@unique
class Ask(IntEnum):
    """What the registry is to be asked about a transaction."""

    NOTHING = 0
    QUERY = 1
    SUBMIT = 2
    DECLINE = 3
    PROOF = 4  # it is decided; the log proofs of its certificate are still to come
    RENEW = 5  # its certificate was refused; perhaps the registry signs by another key now


@dataclass(frozen=True)
class Transaction(Keyed):
    """What this node knows about one commit_id.

    `commit_evidence` holds the Evidence of a bare commit once seen; `statements` the registries'
    signed answers so far; `commit_certificate` / `abort_certificate` are set once and decide.
    """

    table: ClassVar[str] = "transaction"
    commit: bytes
    descriptor: bytes
    role: Role
    deadline_us: int
    limit_us: int
    ask: Ask = Ask.NOTHING
    ask_at_us: int = 0
    asks: int = 0
    watched: bool = False
    commit_evidence: bytes = b""
    commit_certificate: bytes = b""
    abort_certificate: bytes = b""
    statements: tuple[bytes, ...] = ()
    decline_preimage: bytes = b""
    owner: bytes = b""  # the payment at its payer, the request at its payee

    def _key(self) -> Key:
        return self.table, self.commit, b""

    @property
    def decided(self) -> bool:
        return bool(self.commit_certificate or self.abort_certificate)


@unique
class PaymentPhase(IntEnum):
    """Protocol section 8, life of a payment at its payer."""

    ROUTING = 1
    PROMISED = 2
    COMMITTED = 3
    ABORTED = 4

    @property
    def final(self) -> bool:
        return self in (PaymentPhase.COMMITTED, PaymentPhase.ABORTED)


@dataclass(frozen=True)
class Payment(Keyed):
    """One payment of one request. `options` and `route` are JSON for people and for resumption.

    `bound`: the descriptor of the exchange whose leg it is; empty where it makes its own.
    `confirmation`: the approval by which a person pays; empty where the node's owner does.
    """

    table: ClassVar[str] = "payment"
    id: bytes
    request_hash: bytes
    request: bytes
    amount: int
    brand: Brand
    payee: NodeId
    phase: PaymentPhase
    created_at_us: int
    options: str = "{}"
    attempt: int = 0
    commit: bytes = b""
    cost: int = 0
    route: str = ""
    ended_at_us: int = 0
    because: Refusal | None = None
    bound: bytes = b""
    confirmation: bytes = b""

    def _key(self) -> Key:
        return self.table, self.id, b""


@unique
class RequestPhase(IntEnum):
    """Life of a request at its payee. SIGNED goes back to OPEN with the next attempt, where the
    one before ended unredeemed."""

    OPEN = 1
    SIGNED = 2  # the commit of one attempt is signed
    PAID = 3
    DECLINED = 4


@dataclass(frozen=True)
class Request(Keyed):
    """A payment request of ours. `commit` is the live attempt, empty where there is none.

    `seed` makes the one-time committer key and the decline preimages; it never leaves the store.
    `manual`: the owner confirms before the commit is signed. `bound`: the commit_id of the exchange
    whose leg it is; then it takes no other promise, and its seat signs. `person`: whose purse it
    fills. `least`: the payer chooses from there to `amount`, 0: exactly `amount`; `taking`: what
    the live attempt is over, 0 where there is none.
    """

    table: ClassVar[str] = "request"
    id: bytes
    signed: bytes
    seed: bytes
    amount: int
    brand: Brand
    phase: RequestPhase
    created_at_us: int
    expires_at_us: int
    manual: bool = False
    confirmed: bool = False
    commit: bytes = b""
    attempt: int = 0
    ended_at_us: int = 0
    bound: bytes = b""
    person: bytes = b""
    least: int = 0
    taking: int = 0

    def _key(self) -> Key:
        return self.table, self.id, b""


@unique
class IncidentKind(IntEnum):
    """What the operator has to look at; nothing here changes by itself."""

    LOSS = 1  # paid ahead, not paid behind
    CONTRADICTION = 2  # a registry signed both ways
    CLAIM_DENIED = 3  # a neighbour does not honour evidence
    CLAIM = 4  # owed since a commit dominates over the abort that ended the promise
    EXPOSED = 5  # a registry that decides about open promises was proven to cheat
    UNDECIDED = 6  # an exchange has no final answer long after its deadline
    UNSETTLED = 7  # a registrar or a seat does not take a certificate
    DISPUTE = 8  # the buyer of a sale challenges what its agent has attested


@dataclass(frozen=True)
class Incident(Keyed):
    """An entry of the operator's inbox. `subject` names the promise or transaction."""

    table: ClassVar[str] = "incident"
    subject: bytes
    kind: IncidentKind
    at_us: int
    peer: bytes
    amount: int = 0
    detail: str = ""
    evidence: bytes = b""

    def _key(self) -> Key:
        return self.table, self.subject, bytes((self.kind,))


@dataclass(frozen=True)
class Settled(Keyed):
    """What has left a line for the archive: the redeemed promises of each direction, summed up.

    `head_*` is the signed head that stands for them: the peer's last booking that has left, and
    our own LineState of the moment. The archive may be cut off by age; these stay.
    """

    table: ClassVar[str] = "settled"
    line: bytes
    total_out: int = 0
    count_out: int = 0
    total_in: int = 0
    count_in: int = 0
    head_out: bytes = b""
    head_in: bytes = b""

    def _key(self) -> Key:
        return self.table, self.line, b""
