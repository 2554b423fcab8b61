"""Votes on agents, and the house's list of them: append-only, one for each brand and agent."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from proto.envelope import Envelope
from proto.keys import NodeId, SigningKey, node_id
from proto.limits import MAX_AMOUNT, MAX_SEQUENCE
from proto.money import BRAND_ID_BYTES
from proto.sale.offer import HASH_BYTES
from proto.sale.signed import read_signed
from proto.sale.stakes import Branch
from proto.v1 import sale_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical

VOTE_KIND: Final = "pledgeway/vote/v1"
RATING_KIND: Final = "pledgeway/rating/v1"
MAX_VOTE_BYTES: Final = 512  # all of it has a fixed length, of some 390
MAX_RATING_BYTES: Final = 2048  # two votes, and as much as one more
MAX_VOTES: Final = 2  # the buyer's and the seller's
VOTES_KEPT: Final = 16_384  # some 10 MB: an agent's whole list is read for one score


@dataclass(frozen=True, slots=True)
class Vote:
    """`value`: the sale's price; `deciding`: commit_id of the decision that ended it."""

    house: NodeId
    pool: bytes
    brand: bytes
    agent: NodeId
    voter: NodeId
    value: int
    deciding: bytes
    success: bool
    salt: bytes

    def encode(self) -> bytes:
        return canonical(
            pb.Vote(
                house=self.house,
                pool=self.pool,
                brand=self.brand,
                agent=self.agent,
                voter=self.voter,
                value=self.value,
                deciding=self.deciding,
                success=self.success,
                salt=self.salt,
            )
        )


def vote_hash(vote: Vote) -> bytes:
    """What is sealed before anybody opens: SHA-256 of the payload, which holds 32 random bytes."""
    return sha256(vote.encode()).digest()


def sign_vote(key: SigningKey, vote: Vote) -> bytes:
    """The signed vote (an Envelope)."""
    return Envelope.seal(key, VOTE_KIND, vote.encode()).encode()


@lru_cache(maxsize=VOTES_KEPT)
def read_vote(signed: bytes) -> Vote:
    """Verifies and reads it. WireFault."""
    m, signer = read_signed(signed, VOTE_KIND, pb.Vote, MAX_VOTE_BYTES)
    if signer != m.voter:
        raise WireFault("a vote that its voter did not sign")
    hashes = (m.pool, m.deciding, m.salt)
    if any(len(h) != HASH_BYTES for h in hashes) or len(m.brand) != BRAND_ID_BYTES:
        raise WireFault("a vote with an id of wrong length")
    if not 0 < m.value <= MAX_AMOUNT:
        raise WireFault("a vote about nothing")
    try:
        house, agent, voter = node_id(m.house), node_id(m.agent), node_id(m.voter)
    except ValueError as error:
        raise WireFault(str(error)) from error
    return Vote(house, m.pool, m.brand, agent, voter, m.value, m.deciding, m.success, m.salt)


@dataclass(frozen=True, slots=True)
class Rating:
    """One closed sale of an agent. `previous`: SHA-256 of the payload before it, so that nothing
    can be left out or put in; `votes`: signed ones, those that were opened."""

    house: NodeId
    brand: bytes
    agent: NodeId
    sequence: int
    previous: bytes
    pool: bytes
    value: int
    branch: Branch
    deciding: bytes
    votes: tuple[bytes, ...]
    at_us: int

    def encode(self) -> bytes:
        return canonical(
            pb.RatingEntry(
                house=self.house,
                brand=self.brand,
                agent=self.agent,
                sequence=self.sequence,
                previous=self.previous,
                pool=self.pool,
                value=self.value,
                branch=int(self.branch),
                deciding=self.deciding,
                votes=[types_pb2.Envelope.FromString(vote) for vote in self.votes],
                at_us=self.at_us,
            )
        )


def rating_head(rating: Rating) -> bytes:
    """What the next one names as `previous`."""
    return sha256(rating.encode()).digest()


def sign_rating(key: SigningKey, rating: Rating) -> bytes:
    """The signed entry (an Envelope)."""
    return Envelope.seal(key, RATING_KIND, rating.encode()).encode()


@lru_cache(maxsize=VOTES_KEPT)
def read_rating(signed: bytes) -> Rating:
    """Verifies and reads it, and that its votes are about just this sale. WireFault."""
    m, signer = read_signed(signed, RATING_KIND, pb.RatingEntry, MAX_RATING_BYTES)
    if signer != m.house:
        raise WireFault("a rating that its house did not sign")
    if len(m.votes) > MAX_VOTES or not 0 < m.sequence <= MAX_SEQUENCE:
        raise WireFault("a rating with too many votes, or out of order")
    if len(m.previous) != (HASH_BYTES if m.sequence > 1 else 0):
        raise WireFault("the first rating follows none, each other one the one before")
    lengths = (len(m.pool), len(m.deciding), len(m.brand))
    if lengths != (HASH_BYTES, HASH_BYTES, BRAND_ID_BYTES):
        raise WireFault("a rating with an id of wrong length")
    if not 0 < m.value <= MAX_AMOUNT or m.at_us <= 0:
        raise WireFault("a rating about nothing, or without a time")
    votes = tuple(vote.SerializeToString() for vote in m.votes)
    about = (m.house, m.pool, m.brand, m.agent, m.value, m.deciding)
    read = [read_vote(vote) for vote in votes]
    for vote in read:
        if about != (vote.house, vote.pool, vote.brand, vote.agent, vote.value, vote.deciding):
            raise WireFault("a rating with a vote about another sale")
    if len({vote.voter for vote in read}) != len(read) or m.agent in {v.voter for v in read}:
        raise WireFault("a rating in which somebody votes twice, or about himself")
    try:
        branch, house, agent = Branch(m.branch), node_id(m.house), node_id(m.agent)
    except ValueError as error:
        raise WireFault(str(error)) from error
    return Rating(
        house,
        m.brand,
        agent,
        m.sequence,
        m.previous,
        m.pool,
        m.value,
        branch,
        m.deciding,
        votes,
        m.at_us,
    )
