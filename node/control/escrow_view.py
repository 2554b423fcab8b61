"""Exchanges as answers show them: what moves, how far it is, whose move it is and until when."""

import json
from typing import Any, Final

from node.control.context import Context
from node.core.escrow.coordinating import first_missing
from node.core.escrow.reading import proposal_of
from node.core.escrow.rows import Deal, DealPhase, Letter, Seat, SeatPhase
from node.core.rows import Transaction
from node.escrow.plan import Plan
from proto.descriptor import decode_descriptor, transaction_uuid
from proto.escrow.legs import Leg
from proto.escrow.proposal import Proposal
from proto.escrow.reasons import EscrowReason
from proto.limits import GUARD_US

_NEXT_OF_SEAT: Final = {
    SeatPhase.INVITED: "you: accept or decline",
    SeatPhase.JOINED: "the initiator: fixes the terms once everybody has joined",
    SeatPhase.FIXED: "registrars and the others: promises of everything that you want",
    SeatPhase.SIGNED: "the registry: decides",
}


def exchange_json(context: Context, proposal: Proposal, plan: Plan | None) -> dict[str, Any]:
    """What is proposed. With `plan`: what each seat gives, gets and signs."""
    cards = proposal.cards()
    names = {right.brand.guid: right for right in proposal.described().values()}
    told: dict[str, Any] = {
        "id": proposal.id.hex(),
        "transaction": _name(proposal),
        "initiator": proposal.initiator.hex(),
        "note": proposal.note,
        "within_us": proposal.within_us,
        "created_at_us": proposal.created_at_us,
        "expires_at_us": proposal.expires_at_us,
        "registries": [context.policy_name(policy) for policy in proposal.policies],
        "seats": [
            {
                "seat": seat,
                "node": card.node.hex(),
                "alias": card.alias,
                "ours": card.node == context.identity.node,
            }
            for seat, card in cards.items()
        ],
        "legs": [
            leg_json(context, leg, names[leg.brand].brand.name if leg.brand in names else "")
            for leg in proposal.legs
        ],
    }
    if plan is not None:
        told["plan"] = [
            {
                "seat": seat.name,
                "gives": list(seat.gives),
                "receives": list(seat.receives),
                "wants": list(seat.wants),
                "signs": seat.commits,
            }
            for seat in plan.seats
        ]
    return told


def _name(proposal: Proposal) -> str:
    return str(json.loads(proposal.instance)["transaction"])


def leg_json(context: Context, leg: Leg, name: str) -> dict[str, Any]:
    """One leg: what, how much, from whom to whom, carried by what."""
    known = {line.brand.guid: line.brand.name for line in context.lines}
    return {
        "no": leg.no,
        "brand": leg.brand.hex(),
        "name": name or known.get(leg.brand, ""),
        "amount": leg.amount,
        "from": leg.from_seat,
        "to": leg.to_seat,
        "carrier": "money" if leg.registrar is None else "right",
        "registrar": leg.registrar.hex() if leg.registrar is not None else None,
        "fee_max": leg.fee_max,
    }


def deal_json(context: Context, deal: Deal) -> dict[str, Any]:
    """A deal that we look after: its phase, who is waited for, until when."""
    letters = [x for x in context.engine.memory.owned(Letter) if x.deal == deal.id]
    told = {
        "phase": deal.phase.name,
        "because": deal.because.name if deal.because is not EscrowReason.NONE else None,
        "blamed": deal.blamed,
        "waits_for": _waits_for(deal),
        "until_us": _until_us(deal),
        "joined": [bool(join) for join in deal.joins],
        "accepted": [bool(accept) for accept in deal.accepts],
        "promised": [bool(promise) for promise in deal.promises],
        "signed": [bool(share) for share in deal.shares],
        "unanswered_letters": sum(not letter.answered for letter in letters),
        "ended_at_us": deal.ended_at_us,
    }
    return told | _transaction_json(context, deal.commit)


def _waits_for(deal: Deal) -> str:
    match deal.phase:
        case DealPhase.PROPOSED:
            seats = [seat for seat, _ in proposal_of(deal).seats]
            absent = [s for s, join in zip(seats, deal.joins, strict=True) if not join]
            return ", ".join(absent) + ": to join"
        case DealPhase.JOINED | DealPhase.PREPARING | DealPhase.SHARING:
            return first_missing(deal)
        case DealPhase.HANDED:
            return "the coordinator"
        case DealPhase.DECIDING:
            return "the registry"
        case DealPhase.SETTLING | DealPhase.RETURNING:
            return "registrars and seats, to take the certificate"
        case _:
            return ""


def _until_us(deal: Deal) -> int:
    if deal.phase is DealPhase.DECIDING:
        return decode_descriptor(deal.descriptor).limit_us + GUARD_US
    return 0 if deal.phase.final else deal.due_at_us


def seat_json(context: Context, seat: Seat) -> dict[str, Any]:
    """A seat of ours: how far it is, what it has given and holds, what ends it."""
    told = {
        "seat": seat.seat,
        "phase": seat.phase.name,
        "because": seat.because.name if seat.because is not EscrowReason.NONE else None,
        "next": _NEXT_OF_SEAT.get(seat.phase, ""),
        "given": [no for no, kept in enumerate(seat.given, 1) if kept],
        "accepted": [no for no, kept in enumerate(seat.held, 1) if kept],
        "promised": [no for no, kept in enumerate(seat.promised, 1) if kept],
        "signed": bool(seat.share),
        "emptying_holds": seat.waiting,
        "invited_at_us": seat.invited_at_us,
        "ended_at_us": seat.ended_at_us,
    }
    return told | _transaction_json(context, seat.commit)


def _transaction_json(context: Context, commit: bytes) -> dict[str, Any]:
    row = context.engine.memory.row((Transaction.table, commit, b"")) if commit else None
    if not isinstance(row, Transaction):
        return {"commit_id": None, "outcome": None}
    outcome = None
    if row.decided:
        outcome = "COMMITTED" if row.commit_certificate else "NOT_COMMITTED"
    return {
        "commit_id": commit.hex(),
        "uuid": str(transaction_uuid(commit)),
        "deadline_us": row.deadline_us,
        "final_by_us": row.limit_us + GUARD_US,
        "outcome": outcome,
    }
