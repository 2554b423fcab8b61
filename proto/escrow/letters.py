"""What coordinators and seats write to each other (escrow section 3), one signed letter at a time.

A letter is named by the hash of its payload: the same words are the same letter, however often
they come, and no other words can come under its name (escrow section 9).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit
from proto.envelope import Envelope, Proof
from proto.escrow.legs import check_seat_name
from proto.escrow.reasons import EscrowReason
from proto.escrow.terms import Opening
from proto.keys import NodeId, SigningKey, node_id
from proto.limits import (
    ACCOUNT_ID_BYTES,
    CAPABILITY_BYTES,
    MAX_LEGS,
    MAX_REQUEST_POLICIES,
    MAX_SEATS,
)
from proto.policy import RegistryPolicy, policy_fault
from proto.statement import SignedStatement
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault, canonical, parse

LETTER_KIND: Final = "pledgeway/letter/v1"


@dataclass(frozen=True, slots=True)
class Invite:
    """Initiator to seat: this is proposed. `proposal` is the signed one."""

    proposal: bytes
    seat: str


@dataclass(frozen=True, slots=True)
class Join:
    """Seat to initiator. `key`: its one-time committer key; `accounts`: (leg, account id) for each
    right that it gives or receives; `policies`: those of the proposal that it accepts; `wants`:
    legs whose promises it has to see before it signs. Without a key it gives and does not sign."""

    proposal_id: bytes
    seat: str
    key: bytes
    accounts: tuple[tuple[int, bytes], ...]
    policies: tuple[RegistryPolicy, ...]
    wants: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Either way: not any more, and why. What is prepared ends by its certificate alone."""

    proposal_id: bytes
    seat: str
    why: EscrowReason


@dataclass(frozen=True, slots=True)
class Fix:
    """Coordinator to seat: the descriptor, and the openings that concern the seat.

    `coordinator`: the card of whom to answer from now on. `joins`: the signed letters in which
    those others joined whose receipt the seat wants: which key is theirs, and which account.
    """

    proposal_id: bytes
    seat: str
    descriptor: bytes
    openings: tuple[Opening, ...]
    coordinator: str
    joins: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class LegAccept:
    """Where a leg is to arrive: the capability of a hold, or a signed payment request."""

    no: int
    hold: bytes = b""
    request: bytes = b""


@dataclass(frozen=True, slots=True)
class LegsAccepted:
    """Seat to coordinator: everything that it receives has been vetted."""

    commit: bytes
    seat: str
    legs: tuple[LegAccept, ...]


@dataclass(frozen=True, slots=True)
class Give:
    """Coordinator to seat: prepare these, towards here."""

    commit: bytes
    seat: str
    legs: tuple[LegAccept, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """Seat to coordinator: the registrar's promise of a leg, or why there will be none, or the
    capability of a hold that the coordinator is to prepare, for who alone may."""

    commit: bytes
    seat: str
    no: int
    promise: bytes = b""
    why: EscrowReason = EscrowReason.NONE
    hold: bytes = b""


@dataclass(frozen=True, slots=True)
class Receive:
    """Coordinator to seat: registrars' promises of what it wants."""

    commit: bytes
    seat: str
    promises: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """Seat to coordinator: its one-time key's signature over the commit_id."""

    commit: bytes
    seat: str
    share: Proof


@dataclass(frozen=True, slots=True)
class Decided:
    """To everybody: how it ended."""

    certificate: CommitCertificate | AbortCertificate


@dataclass(frozen=True, slots=True)
class Dossier:
    """To a coordinator: all that it needs to go on. The preimage may be kept back (empty).

    `joins`: the signed letters in which the seats joined, in the order of the proposal.
    """

    proposal: bytes
    descriptor: bytes
    openings: tuple[Opening, ...]
    joins: tuple[bytes, ...]
    decline_preimage: bytes = b""


@dataclass(frozen=True, slots=True)
class OfSale:
    """Between the parties of a sale that an agent judges: proto.sale.letters reads what it says."""

    words: bytes


Body = (
    Invite
    | Join
    | Withdraw
    | Fix
    | LegsAccepted
    | Give
    | Given
    | Receive
    | Share
    | Decided
    | Dossier
    | OfSale
)


@dataclass(frozen=True, slots=True)
class Letter:
    """Who to whom, when by the sender's clock, and what."""

    sender: NodeId
    receiver: NodeId
    sent_at_us: int
    body: Body


def letter_id(payload: bytes) -> bytes:
    """SHA-256 of the payload, 32 bytes."""
    return sha256(payload).digest()


def encode_letter(letter: Letter) -> bytes:
    """The payload that is signed."""
    m = pb.Letter(sender=letter.sender, receiver=letter.receiver, sent_at_us=letter.sent_at_us)
    _fill(m, letter.body)
    return canonical(m)


def sign_letter(key: SigningKey, payload: bytes) -> bytes:
    """The envelope of a letter's payload."""
    return Envelope.seal(key, LETTER_KIND, payload).encode()


def read_letter(signed: bytes, receiver: NodeId) -> Letter:
    """Verifies and reads a letter to `receiver`. Raises WireFault."""
    envelope = Envelope.decode(signed)
    if envelope.kind != LETTER_KIND:
        raise WireFault("not a letter")
    letter = decode_letter(envelope.payload)
    if letter.sender != envelope.signer:
        raise WireFault("a letter that its sender did not sign")
    if letter.receiver != receiver:
        raise WireFault("a letter to somebody else")
    return letter


def decode_letter(payload: bytes) -> Letter:
    """Raises WireFault."""
    m = parse(pb.Letter, payload)
    try:
        sender, receiver = node_id(m.sender), node_id(m.receiver)
    except ValueError as error:
        raise WireFault(str(error)) from error
    if m.sent_at_us <= 0:
        raise WireFault("a letter without a time")
    return Letter(sender, receiver, m.sent_at_us, _body(m))


def certificate_to_message(
    message: pb.Decided | pb.Settle, certificate: CommitCertificate | AbortCertificate
) -> None:
    """Fills the certificate of a letter or of an op."""
    if isinstance(certificate, CommitCertificate):
        message.commit.ParseFromString(certificate.encode())
    else:
        message.abort.ParseFromString(certificate.encode())


def certificate_from_message(
    message: pb.Decided | pb.Settle,
) -> CommitCertificate | AbortCertificate:
    """Reads it, verifies nothing. Raises WireFault."""
    match message.WhichOneof("certificate"):
        case "commit":
            statements = tuple(SignedStatement.from_message(s) for s in message.commit.committed)
            return CommitCertificate(Commit.from_message(message.commit.commit), statements)
        case "abort":
            return AbortCertificate.from_message(message.abort)
        case _:
            raise WireFault("a decision without its certificate")


def _accepts_to(legs: tuple[LegAccept, ...]) -> list[pb.LegAccept]:
    return [pb.LegAccept(no=leg.no, hold=leg.hold, request=leg.request) for leg in legs]


def _fill(m: pb.Letter, body: Body) -> None:
    match body:
        case Invite(proposal, seat):
            m.invite.proposal, m.invite.seat = proposal, seat
        case Join(proposal_id, seat, key, accounts, policies, wants):
            m.join.wants.extend(wants)
            m.join.proposal_id, m.join.seat, m.join.key = proposal_id, seat, key
            m.join.accounts.extend(pb.LegAccount(no=no, account=a) for no, a in accounts)
            m.join.policies.extend(policy.to_message() for policy in policies)
        case Withdraw(proposal_id, seat, why):
            m.withdraw.proposal_id, m.withdraw.seat, m.withdraw.why = proposal_id, seat, why
        case Fix(proposal_id, seat, descriptor, openings, coordinator, joins):
            m.fix.joins.extend(joins)
            m.fix.proposal_id, m.fix.seat, m.fix.descriptor = proposal_id, seat, descriptor
            m.fix.openings.extend(opening.to_message() for opening in openings)
            m.fix.coordinator = coordinator
        case LegsAccepted(commit, seat, legs):
            m.accepted.commit_id, m.accepted.seat = commit, seat
            m.accepted.legs.extend(_accepts_to(legs))
        case Give(commit, seat, legs):
            m.give.commit_id, m.give.seat = commit, seat
            m.give.legs.extend(_accepts_to(legs))
        case Given(commit, seat, no, promise, why, hold):
            m.given.commit_id, m.given.seat, m.given.no = commit, seat, no
            m.given.promise, m.given.why, m.given.hold = promise, why, hold
        case Receive(commit, seat, promises):
            m.receive.commit_id, m.receive.seat = commit, seat
            m.receive.promises.extend(promises)
        case Share(commit, seat, share):
            m.share.commit_id, m.share.seat = commit, seat
            m.share.share.CopyFrom(share.to_message())
        case Decided(certificate):
            m.decided.commit_id = certificate.commit_id
            certificate_to_message(m.decided, certificate)
        case Dossier(proposal, descriptor, openings, joins, preimage):
            m.dossier.joins.extend(joins)
            m.dossier.proposal, m.dossier.descriptor = proposal, descriptor
            m.dossier.openings.extend(opening.to_message() for opening in openings)
            m.dossier.decline_preimage = preimage
        case OfSale(words):
            m.sale = words


def _body(m: pb.Letter) -> Body:
    match m.WhichOneof("body"):
        case "invite":
            check_seat_name(m.invite.seat)
            return Invite(m.invite.proposal, m.invite.seat)
        case "join":
            return _join(m.join)
        case "withdraw":
            check_seat_name(m.withdraw.seat)
            return Withdraw(m.withdraw.proposal_id, m.withdraw.seat, _why(m.withdraw.why))
        case "fix":
            check_seat_name(m.fix.seat)
            openings = tuple(Opening.from_message(o) for o in m.fix.openings)
            if len(m.fix.joins) > MAX_SEATS:
                raise WireFault("a letter with more joins than seats")
            fixed = m.fix.proposal_id, m.fix.seat, m.fix.descriptor, openings, m.fix.coordinator
            return Fix(*fixed, tuple(m.fix.joins))
        case "accepted":
            return LegsAccepted(*_named(m.accepted), _accepts(m.accepted.legs))
        case "give":
            return Give(*_named(m.give), _accepts(m.give.legs))
        case "given":
            given = m.given
            if len(given.hold) not in (0, CAPABILITY_BYTES):
                raise WireFault("a letter with a malformed capability")
            return Given(*_named(given), given.no, given.promise, _why(given.why), given.hold)
        case "receive":
            if len(m.receive.promises) > MAX_LEGS:
                raise WireFault("a letter with more promises than legs")
            return Receive(*_named(m.receive), tuple(m.receive.promises))
        case "share":
            return Share(*_named(m.share), Proof.from_message(m.share.share))
        case "decided":
            return Decided(certificate_from_message(m.decided))
        case "dossier":
            dossier = m.dossier
            openings = tuple(Opening.from_message(o) for o in dossier.openings)
            return Dossier(
                dossier.proposal,
                dossier.descriptor,
                openings,
                tuple(dossier.joins),
                dossier.decline_preimage,
            )
        case "sale":
            return OfSale(m.sale)
        case _:
            raise WireFault("a letter that says nothing")


def _named(
    m: pb.LegsAccepted | pb.Give | pb.Given | pb.Receive | pb.Share,
) -> tuple[bytes, str]:
    if len(m.commit_id) != 32:
        raise WireFault("a letter about no transaction")
    check_seat_name(m.seat)
    return m.commit_id, m.seat


def _why(value: int) -> EscrowReason:
    try:
        return EscrowReason(value)
    except ValueError as error:
        raise WireFault("a letter with an unknown reason") from error


def _join(m: pb.Join) -> Join:
    check_seat_name(m.seat)
    if len(m.key) not in (0, 32) or max(len(m.accounts), len(m.wants)) > MAX_LEGS:
        raise WireFault("a letter with a malformed key, or too many accounts or wants")
    if any(len(a.account) != ACCOUNT_ID_BYTES for a in m.accounts):
        raise WireFault(f"an account id has {ACCOUNT_ID_BYTES} bytes")
    policies = tuple(RegistryPolicy.from_message(p) for p in m.policies[:MAX_REQUEST_POLICIES])
    if any(policy_fault(p) or not p.members for p in policies):
        raise WireFault("a letter with an invalid registry policy")
    accounts = tuple((a.no, a.account) for a in m.accounts)
    return Join(m.proposal_id, m.seat, m.key, accounts, policies, tuple(m.wants))


def _accepts(legs: Iterable[pb.LegAccept]) -> tuple[LegAccept, ...]:
    found = tuple(LegAccept(leg.no, leg.hold, leg.request) for leg in legs)
    if len(found) > MAX_LEGS or any(len(a.hold) not in (0, CAPABILITY_BYTES) for a in found):
        raise WireFault("a letter with too many legs, or a malformed capability")
    return found
