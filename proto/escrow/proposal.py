"""What an initiator proposes: a template filled in, who sits where, and until when (escrow 3, S0).

Each seat compiles template and instance again by itself and compares: `legs` is what they came to.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final

from proto.card import NodeCard, read_card
from proto.envelope import Envelope
from proto.escrow.legs import Leg, check_seat_name
from proto.escrow.rights import Right, read_right
from proto.keys import NodeId, SigningKey, node_id
from proto.limits import (
    MAX_COORDINATORS,
    MAX_DESCRIPTION_CHARS,
    MAX_INSTANCE_BYTES,
    MAX_LEGS,
    MAX_LOCK_US,
    MAX_PROPOSAL_BYTES,
    MAX_REQUEST_POLICIES,
    MAX_SEATS,
    MAX_TEMPLATE_BYTES,
)
from proto.policy import RegistryPolicy, policy_fault
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical, parse

PROPOSAL_KIND: Final = "pledgeway/proposal/v1"
PROPOSAL_VERSION: Final = 1
SALT_BYTES: Final = 16
ID_BYTES: Final = 16
PROPOSALS_KEPT: Final = 256  # each live one is read a few dozen times


@dataclass(frozen=True, slots=True)
class Proposal:
    """`template` and `instance` are the exact bytes; `rights` signed descriptions; `seats` pairs of
    a seat's name and its party's card (text); `coordinators` cards, the first one first;
    `registrars` the cards of those who keep its rights; `id` is there once it is signed and read.

    `within_us`: D counts from the moment at which the terms are fixed. `decline_hash`: of the
    preimage by which the initiator ends it early; empty: nobody can.
    """

    salt: bytes
    initiator: NodeId
    initiator_card: str
    template: bytes
    instance: bytes
    rights: tuple[bytes, ...]
    seats: tuple[tuple[str, str], ...]
    legs: tuple[Leg, ...]
    within_us: int
    policies: tuple[RegistryPolicy, ...]
    coordinators: tuple[str, ...]
    created_at_us: int
    expires_at_us: int
    decline_hash: bytes = b""
    note: str = ""
    registrars: tuple[str, ...] = ()
    id: bytes = field(default=b"", compare=False)

    def encode(self) -> bytes:
        return canonical(
            pb.Proposal(
                version=PROPOSAL_VERSION,
                salt=self.salt,
                initiator=self.initiator,
                template=self.template,
                instance=self.instance,
                rights=[types_pb2.Envelope.FromString(right) for right in self.rights],
                seats=[pb.ProposedSeat(seat=seat, card=card) for seat, card in self.seats],
                legs=[leg.to_message() for leg in self.legs],
                within_us=self.within_us,
                policies=[policy.to_message() for policy in self.policies],
                coordinators=self.coordinators,
                created_at_us=self.created_at_us,
                expires_at_us=self.expires_at_us,
                decline_hash=self.decline_hash,
                note=self.note,
                initiator_card=self.initiator_card,
                registrars=self.registrars,
            )
        )

    def described(self) -> dict[bytes, Right]:
        """The rights in it, by brand. WireFault where a description does not hold."""
        return {right.brand.guid: right for right in map(read_right, self.rights)}

    def cards(self) -> dict[str, NodeCard]:
        """Who sits where. WireFault where a card does not hold."""
        return {seat: read_card(card, self.created_at_us) for seat, card in self.seats}


def sign_proposal(key: SigningKey, proposal: Proposal) -> bytes:
    """The bytes of the signed proposal (an Envelope)."""
    return Envelope.seal(key, PROPOSAL_KIND, proposal.encode()).encode()


def proposal_hash(signed: bytes) -> bytes:
    """SHA-256 of the signed proposal: the order leaf of its terms."""
    return sha256(signed).digest()


def proposal_id(signed: bytes) -> bytes:
    """Names a proposal, 16 bytes: nobody can make another one of the same name."""
    return proposal_hash(signed)[:ID_BYTES]


@lru_cache(maxsize=PROPOSALS_KEPT)
def read_proposal(signed: bytes) -> Proposal:
    """Verifies and reads a proposal: its signature, all cards and descriptions. Raises WireFault.

    Whether its legs are what the template says is the reader's own question (node.escrow).
    """
    if len(signed) > MAX_PROPOSAL_BYTES:
        raise WireFault(f"a proposal has at most {MAX_PROPOSAL_BYTES} bytes")
    proposal = _content(signed, Envelope.decode(signed))
    at_us = proposal.created_at_us
    proposal.cards()
    proposal.described()
    for card in proposal.coordinators:
        read_card(card, at_us)
    kept = {read_card(card, at_us).node for card in proposal.registrars}
    if kept != {r for leg in proposal.legs if (r := leg.registrar) is not None}:
        raise WireFault("a proposal without the card of a registrar, or with one too many")
    if read_card(proposal.initiator_card, at_us).node != proposal.initiator:
        raise WireFault("a proposal with the card of another initiator")
    return proposal


@lru_cache(maxsize=PROPOSALS_KEPT)
def kept_proposal(signed: bytes) -> Proposal:
    """What `read_proposal` said of these bytes, of which it verifies a dozen signatures or more:
    for rows, which hold nothing else. Raises WireFault."""
    return _content(signed, Envelope.decode_unverified(signed))


def _content(signed: bytes, envelope: Envelope) -> Proposal:
    if envelope.kind != PROPOSAL_KIND:
        raise WireFault("not a proposal")
    m = parse(pb.Proposal, envelope.payload)
    if envelope.signer != m.initiator or m.version != PROPOSAL_VERSION:
        raise WireFault("a proposal that its initiator did not sign, or of an unknown version")
    _check_sizes(m)
    policies = tuple(RegistryPolicy.from_message(p) for p in m.policies)
    if any(policy_fault(p) or not p.members for p in policies):
        raise WireFault("a proposal with an invalid registry policy")
    return Proposal(
        salt=m.salt,
        initiator=node_id(m.initiator),
        initiator_card=m.initiator_card,
        template=m.template,
        instance=m.instance,
        rights=tuple(right.SerializeToString() for right in m.rights),
        seats=tuple((s.seat, s.card) for s in m.seats),
        legs=tuple(Leg.from_message(leg) for leg in m.legs),
        within_us=m.within_us,
        policies=policies,
        coordinators=tuple(m.coordinators),
        created_at_us=m.created_at_us,
        expires_at_us=m.expires_at_us,
        decline_hash=m.decline_hash,
        note=m.note,
        registrars=tuple(m.registrars),
        id=proposal_id(signed),
    )


def _check_sizes(m: pb.Proposal) -> None:
    if len(m.salt) != SALT_BYTES or len(m.decline_hash) not in (0, 32):
        raise WireFault("a proposal with a salt or a decline hash of wrong length")
    if len(m.template) > MAX_TEMPLATE_BYTES or len(m.instance) > MAX_INSTANCE_BYTES:
        raise WireFault("a proposal with too long a template or instance")
    if not 1 <= len(m.legs) <= MAX_LEGS or [leg.no for leg in m.legs] != [
        *range(1, len(m.legs) + 1)
    ]:
        raise WireFault(f"a proposal has 1 to {MAX_LEGS} legs, numbered from 1 on")
    if not 1 <= len(m.seats) <= MAX_SEATS or len({s.seat for s in m.seats}) != len(m.seats):
        raise WireFault(f"a proposal has 1 to {MAX_SEATS} seats, each named once")
    for seat in m.seats:
        check_seat_name(seat.seat)
    if (
        max(len(m.rights), len(m.registrars)) > MAX_LEGS
        or not 1 <= len(m.coordinators) <= MAX_COORDINATORS
    ):
        raise WireFault("a proposal with too many rights, or without a coordinator")
    if not 1 <= len(m.policies) <= MAX_REQUEST_POLICIES:
        raise WireFault("a proposal without a registry policy, or with too many")
    if not 0 < m.within_us <= MAX_LOCK_US or not 0 < m.created_at_us <= m.expires_at_us:
        raise WireFault("a proposal with impossible times")
    if len(m.note) > MAX_DESCRIPTION_CHARS or not m.note.isprintable():
        raise WireFault("a proposal with a too long or unprintable note")
