"""A seat of ours before the terms are fixed: it is invited, joins or leaves (escrow 3, S0)."""

from typing import Final

from node.core.effects import Answer
from node.core.escrow.events import Joining, JoinSeat, LeaveSeat, LetterCame
from node.core.escrow.posting import post
from node.core.escrow.reading import committer_key, proposal_of, seat_of
from node.core.escrow.rows import Account, Seat, SeatPhase
from node.core.people import exchanges as people
from node.core.rows import replace
from node.core.view import Step
from proto.card import card_node
from proto.escrow.letters import Invite, Join, Withdraw
from proto.escrow.proposal import Proposal, read_proposal
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId
from proto.limits import MAX_JOINING_US, US
from proto.reason import Reason, Refusal
from proto.wire import WireFault

# After the last moment at which anybody is waited for: then its initiator has gone.
FIXED_WITHIN_US: Final = 60 * US

SEAT_TRANSITIONS: Final = {
    SeatPhase.INVITED: frozenset({SeatPhase.JOINED, SeatPhase.WITHDRAWN}),
    SeatPhase.JOINED: frozenset({SeatPhase.FIXED, SeatPhase.WITHDRAWN}),
    SeatPhase.FIXED: frozenset({SeatPhase.SIGNED, SeatPhase.DELIVERED, SeatPhase.RETURNED}),
    SeatPhase.SIGNED: frozenset({SeatPhase.DELIVERED, SeatPhase.RETURNED}),
    SeatPhase.DELIVERED: frozenset[SeatPhase](),
    SeatPhase.RETURNED: frozenset[SeatPhase](),
    SeatPhase.WITHDRAWN: frozenset[SeatPhase](),
}
"""Phase -> phases that it may go to. From FIXED on a certificate alone ends it."""


def move_seat(
    step: Step, seat: Seat, phase: SeatPhase, why: EscrowReason = EscrowReason.NONE
) -> Seat:
    """Moves a seat along the table. Returns the new row."""
    assert phase in SEAT_TRANSITIONS[seat.phase], (seat.phase, phase)
    ended_at_us = step.now_us if phase.final else 0
    moved = replace(seat, phase=phase, because=why, ended_at_us=ended_at_us)
    step.put(moved)
    if moved.confirmation and phase.final:
        people.on_seat_ended(step, moved)
    return moved


def on_invite(step: Step, event: LetterCame, body: Invite) -> None:
    """Somebody proposes. What does not hold is refused and not kept."""
    try:
        proposal = read_proposal(body.proposal)
    except WireFault:
        return
    card = dict(proposal.seats).get(body.seat)
    ours = card is not None and card_node(card) == step.settings.node
    if event.letter.sender != proposal.initiator or not ours:
        return
    if seat_of(step, proposal.id, body.seat) is not None:
        return
    left_us = proposal.expires_at_us - step.now_us
    if not 0 <= left_us <= MAX_JOINING_US + FIXED_WITHIN_US:
        return
    if event.fault is not EscrowReason.NONE:
        refusal = Withdraw(proposal.id, body.seat, event.fault)
        post(step, proposal.id, proposal.initiator_card, refusal)
        return
    # From here on it must succeed.
    seat = Seat(
        deal=proposal.id,
        at=[name for name, _ in proposal.seats].index(body.seat),
        seat=body.seat,
        phase=SeatPhase.INVITED,
        proposal=body.proposal,
        invited_at_us=step.now_us,
    )
    step.put(seat)
    if event.joining is not None and _accounts_fit(step, seat, event.joining) is None:
        _join(step, seat, event.joining)


def join_seat(step: Step, event: JoinSeat, confirmation: bytes = b"") -> Answer:
    """The owner takes a seat, or (`confirmation`) a person of ours. Nothing is locked by it yet."""
    seat = seat_of(step, event.deal, event.seat)
    if seat is None:
        return Answer(Refusal(Reason.EXCHANGE_UNKNOWN))
    if seat.phase is not SeatPhase.INVITED:
        return Answer(Refusal(Reason.EXCHANGE_STATE))
    if step.now_us > (expires_at_us := proposal_of(seat).expires_at_us):
        return Answer(Refusal(Reason.REQUEST_EXPIRED, step.now_us - expires_at_us))
    refusal = _accounts_fit(step, seat, event.joining)
    if refusal is not None:
        return Answer(refusal)
    _join(step, replace(seat, confirmation=confirmation), event.joining)
    return Answer()


def _accounts_fit(step: Step, seat: Seat, joining: Joining) -> Refusal | None:
    """An account of the right brand, at the right registrar, for every right of the seat."""
    legs = proposal_of(seat).legs
    assert len(joining.accounts) == len(legs)
    for leg, named in zip(legs, joining.accounts, strict=True):
        if leg.registrar is None or seat.seat not in (leg.from_seat, leg.to_seat):
            continue
        row = step.row((Account.table, named[:32], named[32:]))
        fits = isinstance(row, Account) and row.brand.guid == leg.brand
        if not fits or NodeId(named[:32]) != leg.registrar:
            return Refusal(Reason.ACCOUNT_UNKNOWN, leg.no)
    return None


def _join(step: Step, seat: Seat, joining: Joining) -> None:
    proposal = proposal_of(seat)
    none = (b"",) * len(proposal.legs)
    seat = replace(
        seat,
        seed=joining.seed,
        accounts=joining.accounts,
        wants=bytes(sorted(joining.wants)),
        commits=joining.commits,
        options=joining.options,
        held=none,
        given=none,
        promised=none,
    )
    move_seat(step, seat, SeatPhase.JOINED)
    join = Join(
        seat.deal,
        seat.seat,
        committer_key(seat.seed).public if seat.commits else b"",
        tuple(_named_accounts(step, seat, proposal)),
        tuple(proposal.policies[at] for at in joining.policies),
        tuple(sorted(joining.wants)),
    )
    post(step, seat.deal, proposal.initiator_card, join)


def account_of(step: Step, seat: Seat, no: int) -> Account:
    """Ours for leg `no`, checked when the seat joined."""
    named = seat.accounts[no - 1]
    row = step.row((Account.table, named[:32], named[32:]))
    assert isinstance(row, Account), no
    return row


def _named_accounts(step: Step, seat: Seat, proposal: Proposal) -> list[tuple[int, bytes]]:
    mine = [
        leg.no
        for leg in proposal.legs
        if leg.registrar is not None and seat.seat in (leg.from_seat, leg.to_seat)
    ]
    return [(no, account_of(step, seat, no).account) for no in mine]


def leave_seat(step: Step, event: LeaveSeat) -> Answer:
    """Not this one. Once the terms are fixed it is a plea to the coordinator: what is promised
    stays so until the certificate, and what is signed is signed."""
    seat = seat_of(step, event.deal, event.seat)
    if seat is None:
        return Answer(Refusal(Reason.EXCHANGE_UNKNOWN))
    if seat.phase not in (SeatPhase.INVITED, SeatPhase.JOINED, SeatPhase.FIXED):
        return Answer(Refusal(Reason.EXCHANGE_STATE))
    proposal, why = proposal_of(seat), EscrowReason.REFUSED_BY_OWNER
    refusal = Withdraw(seat.deal, seat.seat, why)
    if seat.phase is SeatPhase.FIXED:
        if seat.because is not why:
            step.put(replace(seat, because=why))
            post(step, seat.deal, seat.coordinator, refusal)
        return Answer()
    move_seat(step, seat, SeatPhase.WITHDRAWN, why)
    post(step, seat.deal, proposal.initiator_card, refusal)
    return Answer()


def on_withdrawn(step: Step, sender: NodeId, body: Withdraw) -> None:
    """The initiator lets it be. From FIXED on nobody's word ends a seat, only a certificate."""
    seat = seat_of(step, body.proposal_id, body.seat)
    if seat is None or seat.phase not in (SeatPhase.INVITED, SeatPhase.JOINED):
        return
    if proposal_of(seat).initiator == sender:
        move_seat(step, seat, SeatPhase.WITHDRAWN, body.why)


def due_seat_us(seat: Seat) -> int | None:
    """When a seat that is still free to leave is given up: its proposal has expired, and whoever
    fixes its terms had his time."""
    if seat.phase not in (SeatPhase.INVITED, SeatPhase.JOINED):
        return None
    return proposal_of(seat).expires_at_us + FIXED_WITHIN_US


def expire_seat(step: Step, seat: Seat) -> None:
    at_us = due_seat_us(seat)
    if at_us is not None and step.now_us >= at_us:
        move_seat(step, seat, SeatPhase.WITHDRAWN, EscrowReason.EXPIRED)
