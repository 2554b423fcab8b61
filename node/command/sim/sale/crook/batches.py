"""Batches to the house as a dishonest party writes them."""

from dataclasses import replace
from typing import TYPE_CHECKING

from proto.envelope import Envelope
from proto.escrow.batch import BATCH_KIND, payload_of, read_batch
from proto.escrow.ops import Op
from proto.sale.ops import OpenPool, OpenVote, SealVote, Stake
from proto.sale.votes import read_vote, sign_vote

if TYPE_CHECKING:
    from node.command.sim.sale.crook.crook import SaleCrook


def bent_batch(crook: "SaleCrook", said: bytes) -> bytes | None:
    """What it says instead, by its dice; None: nothing."""
    asked = read_batch(Envelope.decode_unverified(said).payload)
    if any(isinstance(op, Stake) for op in asked.ops) and crook.tells("stakes-nothing"):
        return None
    if any(isinstance(op, OpenPool) for op in asked.ops) and crook.tells("opens-no-pool"):
        return None
    ops = tuple(_other(crook, op) for op in asked.ops)
    if ops == asked.ops:
        return said
    bent = replace(asked, ops=ops)
    return Envelope.seal(crook.identity.key, BATCH_KIND, payload_of(bent)).encode()


def _other(crook: "SaleCrook", op: Op) -> Op:
    match op:
        case Stake() if crook.tells("stakes-elsewhere"):
            return replace(op, pool=crook.random.randbytes(32))
        case SealVote() if crook.tells("seals-other"):
            return replace(op, hash=crook.random.randbytes(32))
        case OpenVote() if crook.tells("opens-other-vote"):
            vote = read_vote(op.vote)
            other = replace(vote, success=not vote.success)
            return replace(op, vote=sign_vote(crook.identity.key, other))
        case _:
            return op
