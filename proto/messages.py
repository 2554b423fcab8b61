"""What neighbours say to each other (protocol section 8), as frozen values.

`encode` gives the payload bytes that are signed; `decode` reads what was signed by somebody else
and raises WireFault for anything that no honest neighbour sends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from proto.brand_codec import brand_from_message, brand_to_message
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit
from proto.keys import NodeId, node_id
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_DESCRIPTOR_BYTES, MAX_POLICY_MEMBERS
from proto.money import Brand
from proto.onion import PACKET_BYTES
from proto.reason import Reason, Refusal
from proto.v1 import node_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, parse

MESSAGE_KIND: Final = "pledgeway/message/v1"
ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class LineOffer:
    """The sender grants `limit`: how much the receiver may owe it."""

    line: bytes
    brand: Brand
    limit: int


@dataclass(frozen=True, slots=True)
class LineAccept:
    """Opens an offered line; `limit` is what the sender grants in return."""

    line: bytes
    limit: int


@dataclass(frozen=True, slots=True)
class LineLimit:
    """The sender changes what it grants. Touches new promises only."""

    line: bytes
    limit: int
    sequence: int


@dataclass(frozen=True, slots=True)
class LineClose:
    """No new promises over this line from now on."""

    line: bytes


@dataclass(frozen=True, slots=True)
class LineState:
    """The head of the sender's own direction."""

    line: bytes
    sequence: int
    total: int
    pending_hash: bytes


@dataclass(frozen=True, slots=True)
class Promise:
    """The sender owes `amount` if the transaction commits. `expires_at_us` is 0 for ATOMIC."""

    promise: bytes
    line: bytes
    descriptor: bytes
    amount: int
    level: Level
    expires_at_us: int
    packet: bytes
    admitted: tuple[bytes, ...] = ()  # SignedInterim bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The promisee has the promise durably. Informs; the promise binds without it."""

    promise: bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """Towards the payer: the promise is not taken, and so has ended."""

    promise: bytes
    because: Refusal


@dataclass(frozen=True, slots=True)
class Abandon:
    """Towards the payee: the payer no longer wants it. Only passed on; Release answers it."""

    promise: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """Towards the payer: the promisee gives the promise up, which ends it at any level."""

    promise: bytes
    because: Refusal


@dataclass(frozen=True, slots=True)
class Claim:
    """The promisee shows evidence: a bare commit or a certificate."""

    promise: bytes
    evidence: Commit | CommitCertificate


@dataclass(frozen=True, slots=True)
class Denied:
    """Towards the payee: this claim redeems nothing, and why."""

    promise: bytes
    because: Refusal


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The debt is booked: the promisor's own direction stands at `sequence` and `total`."""

    promise: bytes
    line: bytes
    sequence: int
    total: int


@dataclass(frozen=True, slots=True)
class Passed:
    """A registry's decision, passed on."""

    promise: bytes
    certificate: AbortCertificate


Body = (
    LineOffer
    | LineAccept
    | LineLimit
    | LineClose
    | LineState
    | Promise
    | Accepted
    | Refuse
    | Abandon
    | Release
    | Claim
    | Denied
    | Redeemed
    | Passed
)


def encode(sender: NodeId, receiver: NodeId, body: Body) -> bytes:
    """The payload of an envelope from `sender` to `receiver`."""
    message = pb.NodeMessage(sender=sender, receiver=receiver)
    match body:
        case LineOffer():
            message.line_offer.line = body.line
            message.line_offer.brand.CopyFrom(brand_to_message(body.brand))
            message.line_offer.limit = body.limit
        case LineAccept():
            message.line_accept.line, message.line_accept.limit = body.line, body.limit
        case LineLimit():
            message.line_limit.line, message.line_limit.limit = body.line, body.limit
            message.line_limit.sequence = body.sequence
        case LineClose():
            message.line_close.line = body.line
        case LineState():
            state = pb.LineState(line=body.line, sequence=body.sequence, total=body.total)
            state.pending_hash = body.pending_hash
            message.line_state.CopyFrom(state)
        case _:
            _encode_promise_body(message, body)
    return message.SerializeToString(deterministic=True)


def _encode_promise_body(message: pb.NodeMessage, body: Body) -> None:
    match body:
        case Promise():
            p = message.promise
            p.promise, p.line, p.descriptor = body.promise, body.line, body.descriptor
            p.amount, p.level, p.expires_at_us = body.amount, body.level, body.expires_at_us
            p.packet = body.packet
            p.admitted.extend(body.admitted)
        case Accepted():
            message.accepted.promise = body.promise
        case Abandon():
            message.abandon.promise = body.promise
        case Refuse():
            message.refuse.promise = body.promise
            message.refuse.refusal.CopyFrom(_refusal_message(body.because))
        case Release():
            message.release.promise = body.promise
            message.release.because.CopyFrom(_refusal_message(body.because))
        case Denied():
            message.denied.promise = body.promise
            message.denied.refusal.CopyFrom(_refusal_message(body.because))
        case Claim(evidence=Commit() as commit):
            message.claim.promise = body.promise
            message.claim.commit.CopyFrom(commit.to_message())
        case Claim(evidence=CommitCertificate() as certificate):
            message.claim.promise = body.promise
            message.claim.certificate.MergeFromString(certificate.encode())
        case Redeemed():
            r = message.redeemed
            r.promise, r.line, r.sequence, r.total = (
                body.promise,
                body.line,
                body.sequence,
                body.total,
            )
        case Passed():
            message.passed.promise = body.promise
            message.passed.certificate.CopyFrom(body.certificate.to_message())
        case _:
            raise AssertionError(f"no encoding for {type(body).__name__}")


def _refusal_message(refusal: Refusal) -> pb.Refusal:
    return pb.Refusal(reason=refusal.reason, figure=min(refusal.figure, MAX_AMOUNT))


def decode(payload: bytes) -> tuple[NodeId, NodeId, Body]:
    """(sender, receiver, body) of a payload. Raises WireFault."""
    message = parse(pb.NodeMessage, payload)
    try:
        sender, receiver = node_id(message.sender), node_id(message.receiver)
    except ValueError as error:
        raise WireFault(str(error)) from error
    kind = message.WhichOneof("body")
    if kind is None:
        raise WireFault("a message without body")
    return sender, receiver, _DECODERS[kind](message)


def _id(data: bytes) -> bytes:
    if len(data) != ID_BYTES:
        raise WireFault(f"an id has {ID_BYTES} bytes, not {len(data)}")
    return data


def _amount(value: int) -> int:
    if value > MAX_AMOUNT:
        raise WireFault("an amount beyond the largest")
    return value


def _refusal(message: pb.Refusal) -> Refusal:
    try:
        return Refusal(Reason(message.reason), _amount(message.figure))
    except ValueError as error:
        raise WireFault("a refusal with an unknown reason") from error


def _line_offer(message: pb.NodeMessage) -> LineOffer:
    m = message.line_offer
    return LineOffer(_id(m.line), brand_from_message(m.brand), _amount(m.limit))


def _line_state(message: pb.NodeMessage) -> LineState:
    m = message.line_state
    return LineState(_id(m.line), _amount(m.sequence), _amount(m.total), m.pending_hash)


def _promise(message: pb.NodeMessage) -> Promise:
    m = message.promise
    try:
        level = Level(m.level)
    except ValueError as error:
        raise WireFault("a promise of unknown level") from error
    if len(m.descriptor) > MAX_DESCRIPTOR_BYTES or len(m.packet) != PACKET_BYTES:
        raise WireFault("a promise with a descriptor or packet of wrong size")
    if len(m.admitted) > MAX_POLICY_MEMBERS or m.expires_at_us < 0:
        raise WireFault("a promise with too many admissions or a negative expiry")
    if (m.expires_at_us == 0) == level.has_expiry:
        raise WireFault("a promise has an expiry exactly where its level is not ATOMIC")
    return Promise(
        _id(m.promise),
        _id(m.line),
        m.descriptor,
        _amount(m.amount),
        level,
        m.expires_at_us,
        m.packet,
        tuple(m.admitted),
    )


def _claim(message: pb.NodeMessage) -> Claim:
    m = message.claim
    match m.WhichOneof("evidence"):
        case "commit":
            return Claim(_id(m.promise), Commit.from_message(m.commit))
        case "certificate":
            certificate = m.certificate.SerializeToString()
            return Claim(_id(m.promise), CommitCertificate.decode(certificate))
        case _:
            raise WireFault("a claim without evidence")


def _redeemed(message: pb.NodeMessage) -> Redeemed:
    m = message.redeemed
    return Redeemed(_id(m.promise), _id(m.line), _amount(m.sequence), _amount(m.total))


def _passed(message: pb.NodeMessage) -> Passed:
    m = message.passed
    certificate: types_pb2.AbortCertificate = m.certificate
    return Passed(_id(m.promise), AbortCertificate.from_message(certificate))


_DECODERS: Final[dict[str, Callable[[pb.NodeMessage], Body]]] = {
    "line_offer": _line_offer,
    "line_accept": lambda m: LineAccept(_id(m.line_accept.line), _amount(m.line_accept.limit)),
    "line_limit": lambda m: LineLimit(
        _id(m.line_limit.line), _amount(m.line_limit.limit), _amount(m.line_limit.sequence)
    ),
    "line_close": lambda m: LineClose(_id(m.line_close.line)),
    "line_state": _line_state,
    "promise": _promise,
    "accepted": lambda m: Accepted(_id(m.accepted.promise)),
    "refuse": lambda m: Refuse(_id(m.refuse.promise), _refusal(m.refuse.refusal)),
    "abandon": lambda m: Abandon(_id(m.abandon.promise)),
    "release": lambda m: Release(_id(m.release.promise), _refusal(m.release.because)),
    "claim": _claim,
    "denied": lambda m: Denied(_id(m.denied.promise), _refusal(m.denied.refusal)),
    "redeemed": _redeemed,
    "passed": _passed,
}
