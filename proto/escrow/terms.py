"""The terms of a transaction as salted leaves under a descriptor's terms_root (escrow 2.1).

Each party is shown the leaves that concern it. A leaf hashes to SHA-256(0x00 || salt || leaf), so
that nobody guesses one that he was not shown; the tree above is that of RFC 6962.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proto.escrow.legs import Leg, check_seat_name
from proto.keys import NodeId, node_id
from proto.limits import MAX_LEGS, MAX_SEATS
from proto.merkle import leaf_hash, root_and_paths, root_from_path
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault, canonical, parse

SALT_BYTES: Final = 32
MAX_TERMS: Final = MAX_LEGS + MAX_SEATS + 1  # and the order
KEY_BYTES: Final = 32
HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class SeatTerms:
    """Who sits there, and the one-time key that commits for the seat; empty where it only gives."""

    seat: str
    party: NodeId
    key: bytes = b""


@dataclass(frozen=True, slots=True)
class Order:
    """SHA-256 of the signed proposal, of which these are the terms."""

    proposal_hash: bytes


Term = Leg | SeatTerms | Order


def encode_term(term: Term) -> bytes:
    """The leaf's exact bytes."""
    match term:
        case Leg():
            return canonical(pb.TermsLeaf(leg=term.to_message()))
        case SeatTerms(seat, party, key):
            return canonical(pb.TermsLeaf(seat=pb.SeatTerms(seat=seat, party=party, key=key)))
        case Order(proposal_hash):
            return canonical(pb.TermsLeaf(order=proposal_hash))


def decode_term(data: bytes) -> Term:
    """Raises WireFault."""
    m = parse(pb.TermsLeaf, data)
    match m.WhichOneof("leaf"):
        case "leg":
            return Leg.from_message(m.leg)
        case "seat":
            check_seat_name(m.seat.seat)
            if len(m.seat.key) not in (0, KEY_BYTES):
                raise WireFault("a committer key has 32 bytes")
            try:
                return SeatTerms(m.seat.seat, node_id(m.seat.party), m.seat.key)
            except ValueError as error:
                raise WireFault(str(error)) from error
        case "order" if len(m.order) == HASH_BYTES:
            return Order(m.order)
        case _:
            raise WireFault("a leaf of terms that says nothing")


@dataclass(frozen=True, slots=True)
class Opening:
    """One leaf with its salt and its place under the root."""

    salt: bytes
    leaf: bytes
    index: int
    size: int
    path: tuple[bytes, ...]

    @property
    def term(self) -> Term:
        """Raises WireFault."""
        return decode_term(self.leaf)

    def opens(self, terms_root: bytes) -> bool:
        """Whether this leaf is among the terms. Never raises."""
        if len(self.salt) != SALT_BYTES:
            return False
        hashed = leaf_hash(self.salt + self.leaf)
        return root_from_path(hashed, self.index, self.size, self.path, MAX_TERMS) == terms_root

    def to_message(self) -> pb.Opening:
        return pb.Opening(
            salt=self.salt, leaf=self.leaf, index=self.index, size=self.size, path=self.path
        )

    def encode(self) -> bytes:
        return canonical(self.to_message())

    @classmethod
    def from_message(cls, m: pb.Opening) -> "Opening":
        return cls(m.salt, m.leaf, m.index, m.size, tuple(m.path))

    @classmethod
    def decode(cls, data: bytes) -> "Opening":
        """Raises WireFault."""
        return cls.from_message(parse(pb.Opening, data))


def plant(terms: Sequence[Term], salts: Sequence[bytes]) -> tuple[bytes, tuple[Opening, ...]]:
    """The root over these terms, and the opening of each. One salt of 32 fresh bytes for each."""
    assert 1 <= len(terms) == len(salts) <= MAX_TERMS
    leaves = [encode_term(term) for term in terms]
    hashes = [leaf_hash(salt + leaf) for salt, leaf in zip(salts, leaves, strict=True)]
    root, paths = root_and_paths(hashes)
    openings = tuple(
        Opening(salt, leaf, index, len(leaves), tuple(path))
        for index, (salt, leaf, path) in enumerate(zip(salts, leaves, paths, strict=True))
    )
    return root, openings
