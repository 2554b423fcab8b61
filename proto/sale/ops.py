"""Ops by which parties of a sale use the pool at its house (escrow section 8)."""

from dataclasses import dataclass
from typing import Final

from proto.escrow.args import Arg, put_arg, read_arg, read_descriptor
from proto.escrow.terms import Opening
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault

HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class OpenPool:
    """Asks for the house's promise about a sale: signed contract, and T0's descriptor (escrow 8).
    From a party of it."""

    contract: bytes
    agreement: bytes


@dataclass(frozen=True, slots=True)
class Stake:
    """Puts all of the source into limbo, towards a pool, until T1 is decided. `leg` and `order`
    open into T1's terms."""

    terms: Arg
    source: Arg
    pool: bytes
    descriptor: bytes
    leg: Opening
    order: Opening


@dataclass(frozen=True, slots=True)
class SealVote:
    """A party's vote, as its hash: nobody sees it before all have sealed theirs."""

    pool: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class OpenVote:
    """The signed vote that was sealed."""

    pool: bytes
    vote: bytes


@dataclass(frozen=True, slots=True)
class Advertise:
    """Lists the sender's signed offer to judge sales in brands of this house."""

    offer: bytes


PoolOp = OpenPool | Stake | SealVote | OpenVote | Advertise


def fill_pool_op(m: pb.Op, op: PoolOp) -> None:
    """As it travels."""
    match op:
        case OpenPool(contract, agreement):
            m.open_pool.contract, m.open_pool.agreement = contract, agreement
        case Stake(terms, source, pool, descriptor, leg, order):
            put_arg(m.stake.terms, terms)
            put_arg(m.stake.source, source)
            m.stake.pool, m.stake.descriptor = pool, descriptor
            m.stake.leg.CopyFrom(leg.to_message())
            m.stake.order.CopyFrom(order.to_message())
        case SealVote(pool, hashed):
            m.seal_vote.pool, m.seal_vote.hash = pool, hashed
        case OpenVote(pool, vote):
            m.open_vote.pool = pool
            m.open_vote.vote.ParseFromString(vote)
        case Advertise(offer):
            m.advertise.offer.ParseFromString(offer)


def read_pool_op(m: pb.Op) -> PoolOp:
    """Raises WireFault."""
    match m.WhichOneof("op"):
        case "open_pool":
            opened = m.open_pool
            return OpenPool(opened.contract, read_descriptor(opened.agreement))
        case "stake":
            s = m.stake
            openings = Opening.from_message(s.leg), Opening.from_message(s.order)
            into = _hash(s.pool), read_descriptor(s.descriptor)
            return Stake(read_arg(s.terms), read_arg(s.source), *into, *openings)
        case "seal_vote":
            return SealVote(_hash(m.seal_vote.pool), _hash(m.seal_vote.hash))
        case "open_vote":
            return OpenVote(_hash(m.open_vote.pool), m.open_vote.vote.SerializeToString())
        case "advertise":
            return Advertise(m.advertise.offer.SerializeToString())
        case _:
            raise WireFault("no op of a pool")


def _hash(data: bytes) -> bytes:
    if len(data) != HASH_BYTES:
        raise WireFault(f"a pool and a sealed vote are named by {HASH_BYTES} bytes")
    return data
