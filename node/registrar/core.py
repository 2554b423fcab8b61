"""The registrar's core: a batch of ops on rows, all of it or nothing. Pure."""

from dataclasses import dataclass
from typing import assert_never

from node.registrar.legs import cancel, prepare, settle
from node.registrar.pool_votes import advertise, open_vote, seal_vote
from node.registrar.pools import open_pool, stake
from node.registrar.rows import Entry, Row
from node.registrar.step import House, Key, Refused, Step, View, refuse
from node.registrar.titles import accept, attenuate, look, offer, refund, revoke, transfer
from proto.escrow.ops import (
    Accept,
    Attenuate,
    Cancel,
    Look,
    Offer,
    Op,
    OpRefusal,
    OpResult,
    Prepare,
    Refund,
    RegistrarError,
    Revoke,
    Settle,
    Transfer,
    resolved,
)
from proto.sale.ops import Advertise, OpenPool, OpenVote, SealVote, Stake


@dataclass(frozen=True, slots=True)
class Ran:
    """What a batch came to. With a refusal there are no changes.

    `known`: the sender has shown a capability that is bound to it, so it is no passer-by.
    """

    results: tuple[OpResult, ...] = ()
    refusal: OpRefusal | None = None
    changes: tuple[Row, ...] = ()
    gone: tuple[tuple[type, Key], ...] = ()
    entries: tuple[Entry, ...] = ()
    known: bool = False


def ended(step: Step, *results: OpResult) -> Ran:
    """What a step has done that came to its end."""
    return Ran(results, None, step.changes, step.gone, tuple(step.entries), step.known)


def run(view: View, house: House, sender: bytes, ops: tuple[Op, ...], now_us: int) -> Ran:
    """All ops of a batch, in order, as its sender; or the first one that cannot be done."""
    step = Step(view, house, sender, now_us)
    results = []
    for index, op in enumerate(ops):
        try:
            whole = resolved(op, ops[:index])
            if whole is None:
                refuse(RegistrarError.MALFORMED)
            results.append(apply(step, whole))
        except Refused as no:
            return Ran(refusal=OpRefusal(index, no.error, no.figure), known=step.known)
    return ended(step, *results)


def apply(step: Step, op: Op) -> OpResult:
    """One op. Raises Refused, having changed nothing."""
    match op:
        case Offer():
            return offer(step, op)
        case Accept():
            return accept(step, op)
        case Refund():
            return refund(step, op)
        case Transfer():
            return transfer(step, op)
        case Prepare():
            return prepare(step, op)
        case Settle():
            return settle(step, op)
        case Cancel():
            return cancel(step, op)
        case Look():
            return look(step, op)
        case Attenuate():
            return attenuate(step, op)
        case Revoke():
            return revoke(step, op)
        case OpenPool():
            return open_pool(step, op)
        case Stake():
            return stake(step, op)
        case SealVote():
            return seal_vote(step, op)
        case OpenVote():
            return open_vote(step, op)
        case Advertise():
            return advertise(step, op)
        case _:
            assert_never(op)
