"""Exchanges as answers show them: what moves, how far each leg and each seat of ours is."""

import json
from collections.abc import Collection, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Final

from node.control.contacts import contacts, how_known
from node.control.context import Context
from node.control.escrow_course import course_of
from node.control.escrow_offer import compiled, plan_json
from node.control.evidence_file import evidence_kind
from node.core.escrow.coordinating import first_missing
from node.core.escrow.giving import ASKED
from node.core.escrow.reading import money_id, proposal_of
from node.core.escrow.rows import Deal, DealPhase, Letter, Seat
from node.core.rows import Payment
from node.escrow.library import NAMES, library_bytes
from node.escrow.plan import Plan
from proto.card import read_card
from proto.descriptor import decode_descriptor, transaction_uuid
from proto.escrow.legs import Leg
from proto.escrow.proposal import Proposal
from proto.escrow.reasons import EscrowReason
from proto.limits import GUARD_US

COMMITTED: Final = "COMMITTED"
TRANSACTION_KEYS: Final = (
    *("commit_id", "uuid", "deadline_us", "final_by_us", "outcome", "evidence"),
)
NOT_COMMITTED: Final = "NOT_COMMITTED"


def exchange_json(
    context: Context, proposal: Proposal, plan: Plan | None, met: Collection[bytes]
) -> dict[str, Any]:
    """What is proposed. With `plan`: what each seat gives, gets and signs. `met`: whose cards the
    owner has given (node.control.contacts)."""
    person = partial(_person, context, proposal, met)
    told: dict[str, Any] = {
        "id": proposal.id.hex(),
        "transaction": str(json.loads(proposal.instance)["transaction"]),
        "template": sha256(proposal.template).hexdigest(),
        "ships": _ships(proposal),
        "initiator": person(proposal.initiator_card),
        "note": proposal.note,
        "within_us": proposal.within_us,
        "created_at_us": proposal.created_at_us,
        "expires_at_us": proposal.expires_at_us,
        "registries": [context.policy_name(policy) for policy in proposal.policies],
        "coordinators": [person(card) for card in proposal.coordinators],
        "registrars": [person(card) for card in proposal.registrars],
        "seats": [{"seat": seat} | person(card) for seat, card in proposal.seats],
        "legs": [leg_json(context, leg, proposal) for leg in proposal.legs],
    }
    if plan is not None:
        told["plan"] = plan_json(context, proposal, plan)
    return told


def _ships(proposal: Proposal) -> bool:
    """Whether its template is one that comes with this program, word for word."""
    name = str(json.loads(proposal.instance)["transaction"])
    return name in NAMES and library_bytes(name) == proposal.template


def _person(
    context: Context, proposal: Proposal, met: Collection[bytes], text: str
) -> dict[str, Any]:
    """A party by its card. `alias` is what it calls itself; `known` says whether we know it so."""
    card = read_card(text, proposal.created_at_us)
    known = how_known(context, card.node, met)
    if not known and proposal.initiator == context.identity.node:
        known = "card"  # by the owner, when he proposed it
    return {
        "node": card.node.hex(),
        "alias": card.alias,
        "known": known,
        "ours": card.node == context.identity.node,
    }


def leg_json(context: Context, leg: Leg, proposal: Proposal) -> dict[str, Any]:
    """One leg: what, how much, from whom to whom, carried by what."""
    money = {line.brand.guid: line.brand.name for line in context.lines}
    right = proposal.described().get(leg.brand)
    return {
        "no": leg.no,
        "brand": leg.brand.hex(),
        "name": right.brand.name if right is not None else money.get(leg.brand, ""),
        "type": right.kind if right is not None else "money",
        "attributes": right.attributes if right is not None else "{}",
        "amount": leg.amount,
        "from": leg.from_seat,
        "to": leg.to_seat,
        "carrier": "money" if leg.registrar is None else "right",
        "registrar": leg.registrar.hex() if leg.registrar is not None else None,
        "fee_max": leg.fee_max,
    }


def seats_in(context: Context, deal: bytes) -> list[Seat]:
    """Our seats in it."""
    found = [seat for seat in context.engine.memory.owned(Seat) if seat.deal == deal]
    return sorted(found, key=lambda seat: seat.at)


def told(
    context: Context,
    deal: Deal | None,
    seats: Sequence[Seat],
    *,
    whole: bool = False,
    met: Collection[bytes] | None = None,
) -> dict[str, Any]:
    """An exchange that we look after, or sit in. `whole`: with what it means for each seat. `met`:
    where it is known already whose cards the owner has given."""
    known = deal if deal is not None else seats[0]
    proposal = proposal_of(known)
    commit = next((row.commit for row in (deal, *seats) if row is not None and row.commit), b"")
    shown = exchange_json(context, proposal, None, contacts(context) if met is None else met)
    shown["deal"] = deal_json(context, deal) if deal is not None else None
    shown["seats_of_ours"] = [seat_json(context, seat) for seat in seats]
    shown |= transaction_json(context, commit)
    course = course_of(context, deal, seats)
    shown["state"] = state_of(deal, seats, shown["outcome"])
    shown["next"] = course.as_json() if course is not None else None
    for leg, one in zip(proposal.legs, shown["legs"], strict=True):
        one["state"] = leg_state(leg, deal, seats, shown["outcome"])
        one["payment"] = _payment(context, leg, seats)
    if whole:
        shown["plan"] = compiled(context, proposal)
    return shown


def state_of(deal: Deal | None, seats: Sequence[Seat], outcome: str | None) -> str:
    """One word: COMMITTED, NOT_COMMITTED, FAILED (before anything was locked), or the phase of our
    deal or of the seat that is furthest behind."""
    if outcome is not None:
        return outcome
    if deal is not None:
        # From here on both words mean that the decision is there.
        return deal.phase.name
    free = [seat for seat in seats if not seat.phase.final]
    if not free:
        return "FAILED"
    return min(free, key=lambda seat: seat.phase).phase.name


def leg_state(leg: Leg, deal: Deal | None, seats: Sequence[Seat], outcome: str | None) -> str:
    """How far a leg is, as far as we can see."""
    gives = [seat for seat in seats if seat.seat == leg.from_seat]
    gets = [seat for seat in seats if seat.seat == leg.to_seat]
    promised = deal is not None and deal.promises and deal.promises[leg.no - 1]
    given = any(seat.given and seat.given[leg.no - 1] not in (b"", ASKED) for seat in gives)
    if outcome == COMMITTED:
        return "delivered"
    if outcome == NOT_COMMITTED:
        return "returned"
    if promised or given or any(seat.promised and seat.promised[leg.no - 1] for seat in seats):
        return "promised by its registrar"
    if any(seat.given and seat.given[leg.no - 1] for seat in gives):
        return "being locked" if leg.registrar is not None else "being paid"
    accepted = deal is not None and deal.accepts and deal.accepts[leg.no - 1]
    if accepted or any(seat.held and seat.held[leg.no - 1] for seat in gets):
        return "has a place to go to"
    return "proposed"


def _payment(context: Context, leg: Leg, seats: Sequence[Seat]) -> str | None:
    """The payment by which we give a money leg; `pledgeway payment show` says more."""
    if leg.registrar is not None:
        return None
    for seat in seats:
        identity = money_id(seat.id, leg.no)
        if seat.seat == leg.from_seat and context.engine.memory.row((Payment.table, identity, b"")):
            return identity.hex()
    return None


def deal_json(context: Context, deal: Deal) -> dict[str, Any]:
    """A deal that we look after: its phase, and who has done what."""
    letters = [x for x in context.engine.memory.owned(Letter) if x.deal == deal.id]
    return {
        "phase": deal.phase.name,
        "because": _because(deal.because),
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


def _because(why: EscrowReason) -> str | None:
    return why.name if why is not EscrowReason.NONE else None


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
    """A seat of ours: how far it is, what it has given and holds."""
    return {
        "seat": seat.seat,
        "phase": seat.phase.name,
        "because": _because(seat.because),
        "given": [no for no, kept in enumerate(seat.given, 1) if kept],
        "accepted": [no for no, kept in enumerate(seat.held, 1) if kept],
        "promised": [no for no, kept in enumerate(seat.promised, 1) if kept],
        "signed": bool(seat.share),
        "emptying_holds": seat.waiting,
        "max_cost": json.loads(seat.options).get("pay", {}).get("max_cost"),
        "invited_at_us": seat.invited_at_us,
        "ended_at_us": seat.ended_at_us,
    }


def transaction_json(context: Context, commit: bytes) -> dict[str, Any]:
    """The decision, and what proves it; Nones where there is no commit_id yet."""
    row = context.settled.transaction(commit) if commit else None
    if row is None:
        return dict.fromkeys(TRANSACTION_KEYS)
    outcome = None
    if row.decided:
        outcome = COMMITTED if row.commit_certificate else NOT_COMMITTED
    return {
        "commit_id": commit.hex(),
        "uuid": str(transaction_uuid(commit)),
        "deadline_us": row.deadline_us,
        "final_by_us": row.limit_us + GUARD_US,
        "outcome": outcome,
        "evidence": evidence_kind(row),
    }
