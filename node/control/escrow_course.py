"""Whose move it is in an exchange, since when, until when, and what happens if nobody moves."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from node.control.context import Context
from node.core.escrow.coordinating import COLLECTING, first_missing
from node.core.escrow.reading import proposal_of
from node.core.escrow.rows import Deal, DealPhase, Letter, Seat, SeatPhase
from node.core.escrow.sitting import FIXED_WITHIN_US
from proto.card import read_card
from proto.descriptor import decode_descriptor
from proto.escrow.proposal import Proposal
from proto.limits import GUARD_US

NOTHING_LOCKED: Final = "it expires; nothing is locked, and nobody has promised anything"
ALL_RETURNS: Final = "the registry records that it did not happen, and everything returns"
STAYS: Final = (
    "what is locked stays locked until the registry answers; nothing is lost, and after ten minutes"
    " it stands in `pledgeway escrow inbox`"
)
TOLD_AGAIN: Final = (
    "they are told again and again; it is decided all the same, and anybody who shows them the"
    " certificate ends it"
)
NO_EVIDENCE: Final = "none is needed: nothing is promised"
A_CERTIFICATE: Final = "a commit certificate or an abort certificate of the registry"
ITS_CERTIFICATE: Final = "the certificate, which this node has: `escrow show ID --evidence FILE`"
DOING: Final = {
    DealPhase.JOINED: "to have a place for what it receives",
    DealPhase.PREPARING: "to lock what it gives",
    DealPhase.SHARING: "to sign, once all that it gets and wants is promised",
}


@dataclass(frozen=True, slots=True)
class Course:
    """`who` has the next move, to do `what`; `otherwise`: what happens if nobody moves before
    `until_us` (0 = no end); `evidence`: what would end it."""

    who: str
    what: str
    since_us: int
    until_us: int
    otherwise: str
    evidence: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def course_of(context: Context, deal: Deal | None, seats: Sequence[Seat]) -> Course | None:
    """None where there is nothing left to do. Our own move comes first."""
    invited = [seat for seat in seats if seat.phase is SeatPhase.INVITED]
    if invited:
        return _invited(invited)
    if deal is not None and not deal.phase.final:
        return _of_deal(context, deal, seats)
    for seat in seats:
        if not seat.phase.final:
            return _of_seat(context, seat)
    emptied = [seat for seat in seats if seat.waiting]
    if emptied:
        who = _addressees(context, emptied[0].deal, proposal_of(emptied[0]))
        since_us = min(seat.ended_at_us for seat in emptied)
        what = "to take the certificate and hand over"
        return Course(who, what, since_us, 0, TOLD_AGAIN, ITS_CERTIFICATE)
    return None


def _invited(seats: list[Seat]) -> Course:
    proposal = proposal_of(seats[0])
    names = ", ".join(seat.seat for seat in seats)
    return Course(
        "you",
        f"to accept or decline the seat of {names}",
        min(seat.invited_at_us for seat in seats),
        proposal.expires_at_us,
        NOTHING_LOCKED,
        NO_EVIDENCE,
    )


def _of_deal(context: Context, deal: Deal, seats: Sequence[Seat]) -> Course:
    proposal = proposal_of(deal)
    if deal.phase is DealPhase.PROPOSED:
        names = [name for name, _ in proposal.seats]
        absent = [name for name, join in zip(names, deal.joins, strict=True) if not join]
        who = ", ".join(called(context, proposal, name) for name in absent)
        until_us = proposal.expires_at_us
        return Course(who, "to join", deal.created_at_us, until_us, NOTHING_LOCKED, NO_EVIDENCE)
    if deal.phase in COLLECTING:
        missing, since_us = first_missing(deal), deal.fixed_at_us
        ours = [s for s in seats if s.seat == missing and s.phase is SeatPhase.FIXED]
        who, what = called(context, proposal, missing) or "everybody", DOING[deal.phase]
        if ours:  # what we in turn wait for
            who, what = _missing(context, ours[0], proposal)
        return Course(who, what, since_us, deal.due_at_us, ALL_RETURNS, A_CERTIFICATE)
    if deal.phase is DealPhase.HANDED:
        what = "to collect what everybody promises and signs"
        otherwise = "this node takes it over from the coordinator"
        who, since_us = "the coordinator", deal.fixed_at_us
        return Course(who, what, since_us, deal.due_at_us, otherwise, A_CERTIFICATE)
    if deal.phase is DealPhase.DECIDING:
        return _deciding(context, deal.descriptor, deal.fixed_at_us)
    who = _addressees(context, deal.id, proposal)
    what = "to take the certificate"
    return Course(who, what, deal.fixed_at_us, 0, TOLD_AGAIN, ITS_CERTIFICATE)


def _of_seat(context: Context, seat: Seat) -> Course:
    proposal = proposal_of(seat)
    initiator = context.alias_of(proposal.initiator)
    if seat.phase is SeatPhase.JOINED:
        until_us = proposal.expires_at_us + FIXED_WITHIN_US
        what = "to fix the terms as soon as everybody has joined"
        since_us = seat.invited_at_us
        return Course(initiator, what, since_us, until_us, NOTHING_LOCKED, NO_EVIDENCE)
    if seat.phase is SeatPhase.SIGNED:
        return _deciding(context, seat.descriptor, _fixed_at_us(seat, proposal))
    who, what = _missing(context, seat, proposal)
    until_us = decode_descriptor(seat.descriptor).deadline_us
    return Course(who, what, _fixed_at_us(seat, proposal), until_us, ALL_RETURNS, A_CERTIFICATE)


def _missing(context: Context, seat: Seat, proposal: Proposal) -> tuple[str, str]:
    """What a seat with fixed terms waits for, as far as it can see."""
    for leg in proposal.legs:
        kept = seat.held[leg.no - 1]
        if leg.to_seat == seat.seat and not kept and leg.registrar is not None:
            return context.alias_of(leg.registrar), f"to have a place for leg {leg.no}, your gain"
    for leg in proposal.legs:
        kept = seat.given[leg.no - 1]
        if leg.from_seat == seat.seat and kept == b"" and leg.registrar is not None:
            return "the others", "to have places for what they receive; then you lock yours"
    if seat.commits:
        return "the others", "to promise all that you get and want; then this node signs"
    return "those who sign", "to sign"


def _deciding(context: Context, descriptor: bytes, since_us: int) -> Course:
    decided = decode_descriptor(descriptor)
    who = context.policy_name(decided.policy)
    until_us = decided.limit_us + GUARD_US
    return Course(who, "to decide", since_us, until_us, STAYS, A_CERTIFICATE)


def _fixed_at_us(seat: Seat, proposal: Proposal) -> int:
    return decode_descriptor(seat.descriptor).deadline_us - proposal.within_us


def _addressees(context: Context, deal: bytes, proposal: Proposal) -> str:
    """Whoever has not answered a letter or a batch of it yet."""
    waiting = [x for x in context.engine.memory.owned(Letter) if x.deal == deal and not x.answered]
    names = {
        card.node: card.alias
        for card in (
            read_card(text, proposal.created_at_us)
            for text in (*(c for _, c in proposal.seats), *proposal.registrars)
        )
    }
    receivers = dict.fromkeys(letter.receiver for letter in waiting)
    return ", ".join(names.get(r) or context.alias_of(r) for r in receivers) or "nobody"


def called(context: Context, proposal: Proposal, seat: str) -> str:
    """A seat with who sits there: "seller (Bob)", "buyer (you)"; "" for no seat."""
    text = dict(proposal.seats).get(seat)
    if text is None:
        return ""
    card = read_card(text, proposal.created_at_us)
    who = "you" if card.node == context.identity.node else card.alias
    return f"{seat} ({who})"
