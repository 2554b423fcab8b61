"""What a registrar is asked to do, step by step, and what it says of it (escrow section 4)."""

from dataclasses import dataclass, fields, replace
from enum import IntEnum, unique
from hashlib import sha256
from typing import Any, Final

from proto.certificate import Certificate
from proto.escrow.args import Arg, ResultOf, put_arg, read_arg, read_capability, read_descriptor
from proto.escrow.letters import certificate_from_message, certificate_to_message
from proto.escrow.terms import Opening
from proto.limits import ACCOUNT_ID_BYTES, MAX_LEGS
from proto.money import BRAND_ID_BYTES
from proto.sale.ops import (
    Advertise,
    OpenPool,
    OpenVote,
    SealVote,
    Stake,
    fill_pool_op,
    read_pool_op,
)
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault

HASH_BYTES: Final = 32


@unique
class CapabilityKind(IntEnum):
    """What a capability is for. ACCOUNT and TERMS are bound to a node, the others to nobody."""

    ACCOUNT = 1
    TERMS = 2
    HOLD = 3
    VIEW = 4
    ACCEPT_ONLY = 5


@unique
class LegPhase(IntEnum):
    """How far a leg is at its registrar. All but PREPARED are final, unless a commit dominates."""

    PREPARED = 1
    FENCED = 2
    DELIVERED = 3
    RETURNED = 4
    CLAIMED = 5


@unique
class RegistrarError(IntEnum):
    """Why nothing was done; what the figure with it means stands in proto/v1/escrow.proto."""

    INSUFFICIENT_FUNDS = 1
    WRONG_BRAND = 2
    GONE = 3
    LOCKED = 4
    NOT_ALLOWED = 5
    NOT_YET = 6
    FENCED = 7
    BAD_LOT = 8
    BAD_LEG = 9
    POLICY_NOT_ACCEPTED = 10
    LOCK_TOO_LONG = 11
    TOO_LATE = 12
    ABOVE_CEILING = 13
    NOT_VETTED = 14
    QUOTA = 15
    REPEATED_OTHERWISE = 16
    STALE = 17
    BAD_DESCRIPTOR = 18
    BAD_CERTIFICATE = 19
    MALFORMED = 20
    BAD_CONTRACT = 21
    NOT_A_PARTY = 22
    BAD_VOTE = 23


@dataclass(frozen=True, slots=True)
class Offer:
    """Takes `amount` out of an account into a new hold, tied to one commit_id where one is said."""

    account: Arg
    amount: int
    new_hold: bytes
    only_for: bytes = b""


@dataclass(frozen=True, slots=True)
class Accept:
    """A new empty hold, vetted for `up_to` units now; 0: for as many as the account may take."""

    account: Arg
    new_hold: bytes
    only_for: bytes = b""
    up_to: int = 0


@dataclass(frozen=True, slots=True)
class Refund:
    """Destroys a hold of the account; what it held returns to the account."""

    account: Arg
    hold: Arg


@dataclass(frozen=True, slots=True)
class Transfer:
    """All of the source into the destination, at once and for good."""

    terms: Arg
    source: Arg
    destination: Arg


@dataclass(frozen=True, slots=True)
class Prepare:
    """Puts all of the source out of everybody's reach until the descriptor is decided."""

    terms: Arg
    source: Arg
    destination: Arg
    descriptor: bytes
    leg: Opening


@dataclass(frozen=True, slots=True)
class Settle:
    """Shows how a transaction was decided; from anybody."""

    certificate: Certificate


@dataclass(frozen=True, slots=True)
class Cancel:
    """Fences a leg that its giver has not prepared, so that it never will be."""

    source: Arg
    descriptor: bytes
    leg: Opening


@dataclass(frozen=True, slots=True)
class Look:
    """What a capability is about."""

    capability: Arg


@dataclass(frozen=True, slots=True)
class Attenuate:
    """A weaker capability of an account."""

    capability: Arg
    kind: CapabilityKind
    new_capability: bytes


@dataclass(frozen=True, slots=True)
class Revoke:
    """Ends a capability of the account, named by its SHA-256."""

    account: Arg
    capability_hash: bytes


Op = (
    Offer
    | Accept
    | Refund
    | Transfer
    | Prepare
    | Settle
    | Cancel
    | Look
    | Attenuate
    | Revoke
    | OpenPool
    | Stake
    | SealVote
    | OpenVote
    | Advertise
)


@dataclass(frozen=True, slots=True)
class LegState:
    """How one leg stands."""

    commit: bytes
    no: int
    phase: LegPhase
    promise: bytes = b""

    def to_message(self) -> pb.LegState:
        return pb.LegState(
            commit_id=self.commit,
            no=self.no,
            phase=int(self.phase),  # type: ignore[arg-type]
            promise=self.promise,
        )

    @classmethod
    def from_message(cls, m: pb.LegState) -> "LegState":
        """Raises WireFault."""
        if len(m.commit_id) != HASH_BYTES or not 1 <= m.no <= MAX_LEGS:
            raise WireFault("the state of no leg")
        try:
            return cls(m.commit_id, m.no, LegPhase(m.phase), m.promise)
        except ValueError as error:
            raise WireFault("a leg in an unknown state") from error


@dataclass(frozen=True, slots=True)
class OpResult:
    """What came of an op. Which fields are set is said in proto/v1/escrow.proto."""

    capability_hash: bytes = b""
    amount: int = 0
    brand: bytes = b""
    account: bytes = b""
    promise: bytes = b""
    legs: tuple[LegState, ...] = ()
    kind: CapabilityKind | None = None


@dataclass(frozen=True, slots=True)
class OpRefusal:
    """Which op could not be done, why, and by how much."""

    index: int
    error: RegistrarError
    figure: int = 0


def capability_hash(capability: bytes) -> bytes:
    """All that a registrar keeps of a capability: its SHA-256."""
    return sha256(capability).digest()


def made(op: Op) -> bytes:
    """The capability that an op makes; empty where it makes none."""
    match op:
        case Offer(new_hold=made) | Accept(new_hold=made) | Attenuate(new_capability=made):
            return made
        case _:
            return b""


def resolved(op: Op, before: tuple[Op, ...]) -> Op | None:
    """The op with capabilities in place of references to ops `before` it; None where one names an
    op that is not before it, or that makes none."""
    for field in fields(op):
        value = getattr(op, field.name)
        if isinstance(value, ResultOf):
            there = made(before[value.index]) if value.index < len(before) else b""
            if not there:
                return None
            op = replace(op, **{field.name: there})  # type: ignore[arg-type]
    return op


def op_to_message(op: Op) -> pb.Op:
    """As it travels."""
    m = pb.Op()
    match op:
        case Offer(account, amount, new_hold, only_for):
            put_arg(m.offer.account, account)
            m.offer.amount, m.offer.new_hold, m.offer.only_for = amount, new_hold, only_for
        case Accept(account, new_hold, only_for, up_to):
            put_arg(m.accept.account, account)
            m.accept.new_hold, m.accept.only_for, m.accept.up_to = new_hold, only_for, up_to
        case Refund(account, hold):
            put_arg(m.refund.account, account)
            put_arg(m.refund.hold, hold)
        case Transfer(terms, source, destination):
            put_arg(m.transfer.terms, terms)
            put_arg(m.transfer.source, source)
            put_arg(m.transfer.destination, destination)
        case Prepare(terms, source, destination, descriptor, leg):
            put_arg(m.prepare.terms, terms)
            put_arg(m.prepare.source, source)
            put_arg(m.prepare.destination, destination)
            m.prepare.descriptor = descriptor
            m.prepare.leg.CopyFrom(leg.to_message())
        case Settle(certificate):
            certificate_to_message(m.settle, certificate)
        case Cancel(source, descriptor, leg):
            put_arg(m.cancel.source, source)
            m.cancel.descriptor = descriptor
            m.cancel.leg.CopyFrom(leg.to_message())
        case Look(capability):
            put_arg(m.look.capability, capability)
        case Attenuate(capability, kind, new_capability):
            put_arg(m.attenuate.capability, capability)
            m.attenuate.kind = int(kind)  # type: ignore[assignment]
            m.attenuate.new_capability = new_capability
        case Revoke(account, revoked):
            put_arg(m.revoke.account, account)
            m.revoke.capability_hash = revoked
        case OpenPool() | Stake() | SealVote() | OpenVote() | Advertise():
            fill_pool_op(m, op)
    return m


def op_from_message(m: pb.Op) -> Op:
    """Raises WireFault."""
    match m.WhichOneof("op"):
        case "offer":
            return Offer(read_arg(m.offer.account), m.offer.amount, *_new(m.offer))
        case "accept":
            return Accept(read_arg(m.accept.account), *_new(m.accept), m.accept.up_to)
        case "refund":
            return Refund(read_arg(m.refund.account), read_arg(m.refund.hold))
        case "transfer":
            t = m.transfer
            return Transfer(read_arg(t.terms), read_arg(t.source), read_arg(t.destination))
        case "prepare":
            p = m.prepare
            holds = read_arg(p.source), read_arg(p.destination)
            return Prepare(
                read_arg(p.terms),
                *holds,
                read_descriptor(p.descriptor),
                Opening.from_message(p.leg),
            )
        case "settle":
            return Settle(certificate_from_message(m.settle))
        case "cancel":
            c = m.cancel
            return Cancel(
                read_arg(c.source), read_descriptor(c.descriptor), Opening.from_message(c.leg)
            )
        case "look":
            return Look(read_arg(m.look.capability))
        case "attenuate":
            a = m.attenuate
            return Attenuate(
                read_arg(a.capability), _kind(a.kind), read_capability(a.new_capability)
            )
        case "revoke":
            if len(m.revoke.capability_hash) != HASH_BYTES:
                raise WireFault("a capability's hash has 32 bytes")
            return Revoke(read_arg(m.revoke.account), m.revoke.capability_hash)
        case "open_pool" | "stake" | "seal_vote" | "open_vote" | "advertise":
            return read_pool_op(m)
        case _:
            raise WireFault("an op that asks for nothing")


def result_to_message(result: OpResult) -> pb.OpResult:
    """As it travels."""
    return pb.OpResult(
        capability_hash=result.capability_hash,
        amount=result.amount,
        brand=result.brand,
        account=result.account,
        promise=result.promise,
        legs=[leg.to_message() for leg in result.legs],
        kind=int(result.kind or 0),  # type: ignore[arg-type]
    )


def result_from_message(m: pb.OpResult) -> OpResult:
    """Raises WireFault."""
    lengths = (
        (m.capability_hash, HASH_BYTES),
        (m.brand, BRAND_ID_BYTES),
        (m.account, ACCOUNT_ID_BYTES),
    )
    if any(len(value) not in (0, length) for value, length in lengths):
        raise WireFault("a result with an id of wrong length")
    if len(m.legs) > MAX_LEGS:
        raise WireFault("a result with too many legs")
    legs = tuple(LegState.from_message(leg) for leg in m.legs)
    kind = _kind(m.kind) if m.kind else None
    return OpResult(m.capability_hash, m.amount, m.brand, m.account, m.promise, legs, kind)


def _new(m: pb.Offer | pb.Accept) -> tuple[bytes, bytes]:
    if len(m.only_for) not in (0, HASH_BYTES):
        raise WireFault("a hold is tied to a commit_id of 32 bytes, or to none")
    return read_capability(m.new_hold), m.only_for


def _kind(value: Any) -> CapabilityKind:
    try:
        return CapabilityKind(value)
    except ValueError as error:
        raise WireFault("an unknown kind of capability") from error
