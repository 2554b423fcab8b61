"""A seat of ours is told the terms: the check ladder, then what it receives is accepted (S1).

From here on the seat is bound by a descriptor that it has checked word for word: it gives and
signs only under this commit_id, and only a certificate ends it.
"""

from collections.abc import Set
from typing import Final

from node.core.escrow.events import LetterCame
from node.core.escrow.giving import report_given
from node.core.escrow.opening import may_open, open_seat
from node.core.escrow.posting import ask_registrar, post
from node.core.escrow.reading import (
    Terms,
    committer_key,
    coordinating_cards,
    hold_of,
    kept_accept,
    party_of,
    placed,
    proposal_of,
    read_accept,
    read_share,
    read_terms,
    registrar_card,
    seat_of,
    terms_of,
)
from node.core.escrow.rows import Seat, SeatPhase
from node.core.escrow.rows import Step as Batch
from node.core.escrow.signing import sign_if_satisfied
from node.core.escrow.sitting import account_of, move_seat
from node.core.rows import replace
from node.core.view import Step
from proto.card import card_node
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.escrow.legs import Leg, RightCarrier
from proto.escrow.letters import (
    Fix,
    Join,
    LegAccept,
    LegsAccepted,
    Share,
    Withdraw,
    read_letter,
)
from proto.escrow.ops import Accept
from proto.escrow.proposal import Proposal, proposal_hash
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId
from proto.limits import CLOCK_ERROR_MAX_US, MIN_LEAD_US
from proto.wire import WireFault

# Between the clocks of whoever fixes the terms and of the seat, on the way to it.
CLOCKS_US: Final = 2 * CLOCK_ERROR_MAX_US


def on_fix(step: Step, event: LetterCame, body: Fix) -> None:
    """The terms, from whoever coordinates. From another coordinator: it is told what we have."""
    seat = seat_of(step, body.proposal_id, body.seat)
    if seat is None:
        return
    sender = event.letter.sender
    if not _may_coordinate(proposal_of(seat), sender, body.coordinator):
        return
    if seat.phase in (SeatPhase.FIXED, SeatPhase.SIGNED):
        if seat.descriptor == body.descriptor and seat.coordinator != body.coordinator:
            seat = replace(seat, coordinator=body.coordinator)
            step.put(seat)
            tell_all(step, seat)
        return
    if seat.phase is not SeatPhase.JOINED:
        return
    fault = _fault(step, seat, body, {no for no, _ in event.requests})
    if fault is not EscrowReason.NONE:
        move_seat(step, seat, SeatPhase.WITHDRAWN, fault)
        post(step, seat.deal, body.coordinator, Withdraw(seat.deal, seat.seat, fault))
        return
    # From here on it must succeed.
    descriptor = decode_descriptor(body.descriptor)
    seat = replace(
        seat,
        descriptor=body.descriptor,
        commit=commit_id(body.descriptor),
        openings=tuple(opening.encode() for opening in body.openings),
        coordinator=body.coordinator,
    )
    seat = move_seat(step, seat, SeatPhase.FIXED)
    open_seat(step, body.descriptor, descriptor, seat.deal)
    _accept(step, seat, read_terms(body.openings, descriptor.terms_root), event)
    sign_if_satisfied(step, seat.deal, seat.seat)


def _may_coordinate(proposal: Proposal, sender: NodeId, card: str) -> bool:
    """Of those who may, the one whose card it is."""
    return card in coordinating_cards(proposal) and card_node(card) == sender


def _fault(step: Step, seat: Seat, body: Fix, requests: Set[int]) -> EscrowReason:
    """The ladder. NONE where the terms are what the seat joined. `requests`: the money legs that
    we can be paid."""
    try:
        descriptor = decode_descriptor(body.descriptor)
    except DescriptorInvalid:
        return EscrowReason.DESCRIPTOR_INVALID
    try:
        terms = read_terms(body.openings, descriptor.terms_root)
    except WireFault:
        return EscrowReason.TERMS_MISMATCH
    if not _terms_fit(step, seat, terms) or not may_open(step, body.descriptor):
        return EscrowReason.TERMS_MISMATCH
    if not _committers_fit(seat, descriptor, terms):
        return EscrowReason.TERMS_MISMATCH
    if not _receivers_fit(seat, terms, body.joins):
        return EscrowReason.TERMS_MISMATCH
    proposal = proposal_of(seat)
    if descriptor.decline_hash not in (b"", proposal.decline_hash) or descriptor.hashlocks:
        return EscrowReason.TERMS_MISMATCH
    usable = frozenset(descriptor.policy.members) <= step.settings.usable
    if descriptor.policy not in proposal.policies or not usable:
        return EscrowReason.NO_POLICY
    known = step.transaction(commit_id(body.descriptor))
    if known is not None and known.decided:
        return EscrowReason.TOO_LATE  # nothing would end the seat any more
    left_us = descriptor.deadline_us - step.now_us
    if left_us > proposal.within_us + CLOCKS_US:
        return EscrowReason.TERMS_MISMATCH  # it would lock for longer than was proposed
    if left_us < 2 * MIN_LEAD_US:
        return EscrowReason.TOO_LATE
    paid = {
        leg.no for leg in terms.legs.values() if leg.to_seat == seat.seat and leg.registrar is None
    }
    return EscrowReason.NONE if paid <= requests else EscrowReason.NO_ROUTE


def _terms_fit(step: Step, seat: Seat, terms: Terms) -> bool:
    """Order, own seat, and all legs of ours or that we want, as proposed, between our accounts."""
    proposal = proposal_of(seat)
    mine = terms.seats.get(seat.seat)
    key = committer_key(seat.seed).public if seat.commits else b""
    if terms.order != proposal_hash(seat.proposal) or mine is None:
        return False
    if mine.party != step.settings.node or mine.key != key:
        return False
    for leg in proposal.legs:
        concerns = seat.seat in (leg.from_seat, leg.to_seat) or leg.no in seat.wants
        shown = terms.legs.get(leg.no)
        if concerns and (shown is None or not _is_proposed(step, seat, leg, shown)):
            return False
    return True


def _is_proposed(step: Step, seat: Seat, leg: Leg, shown: Leg) -> bool:
    plain = (leg.brand, leg.amount, leg.from_seat, leg.to_seat, leg.fee_max)
    if plain != (shown.brand, shown.amount, shown.from_seat, shown.to_seat, shown.fee_max):
        return False
    if not isinstance(shown.carrier, RightCarrier):
        return shown.carrier == leg.carrier
    if shown.registrar != leg.registrar:
        return False
    if seat.seat not in (leg.from_seat, leg.to_seat):
        return True
    account = account_of(step, seat, leg.no).account
    ours = shown.carrier.source if seat.seat == leg.from_seat else shown.carrier.destination
    return ours == account


def _committers_fit(seat: Seat, descriptor: Descriptor, terms: Terms) -> bool:
    """All must sign; we are among them, and so is whoever receives what we want."""
    if descriptor.threshold != len(descriptor.committers):
        return False
    keys = frozenset(descriptor.committers)
    needed = [terms.seats[seat.seat].key] if seat.commits else []
    for no in seat.wants:
        receiver = terms.seats.get(terms.legs[no].to_seat)
        needed.append(receiver.key if receiver is not None else b"")
    return keys.issuperset(needed)


def _receivers_fit(seat: Seat, terms: Terms, joins: tuple[bytes, ...]) -> bool:
    """Those whose receipt we want have said themselves which key signs for them, and which account
    a right is to come to. Whoever fixes the terms could name a key or an account of its own."""
    proposal = proposal_of(seat)
    joined: dict[str, Join] = {}
    for signed in joins:
        try:
            letter = read_letter(signed, proposal.initiator)
        except WireFault:
            return False
        join = letter.body
        if not isinstance(join, Join) or join.proposal_id != proposal.id:
            return False
        if party_of(proposal, join.seat) != letter.sender:
            return False
        joined[join.seat] = join
    wanted = (terms.legs[no] for no in seat.wants)
    return all(
        leg.to_seat == seat.seat or _received_by(terms, leg, joined.get(leg.to_seat))
        for leg in wanted
    )


def _received_by(terms: Terms, leg: Leg, join: Join | None) -> bool:
    """Whether the leg goes to whoever joined."""
    if join is None or terms.seats[leg.to_seat].key != join.key:
        return False
    if not isinstance(leg.carrier, RightCarrier):
        return True
    return (leg.no, leg.carrier.destination) in join.accounts


def _accept(step: Step, seat: Seat, terms: Terms, event: LetterCame) -> None:
    """Everything that we receive is vetted before anybody's right is locked."""
    requests = dict(event.requests)
    proposal = proposal_of(seat)
    for leg in terms.legs.values():
        if leg.to_seat != seat.seat:
            continue
        if leg.registrar is None:
            request = requests[leg.no]
            step.put(replace(request, bound=seat.commit))
            kept = kept_accept(LegAccept(leg.no, request=request.signed))
            seat = replace(seat, held=placed(seat.held, leg.no - 1, kept))
            continue
        accept = Accept(
            account_of(step, seat, leg.no).capability,
            hold_of(seat.seed, leg.no),
            seat.commit,
            leg.amount,
        )
        card = registrar_card(proposal, leg.registrar)
        ask_registrar(step, seat.deal, card, (accept,), Batch.ACCEPT, seat.seat, leg.no)
    step.put(seat)
    report_accepted(step, seat, terms)


def report_accepted(step: Step, seat: Seat, terms: Terms) -> None:
    """Once everything that the seat receives is vetted."""
    received = [leg.no for leg in terms.legs.values() if leg.to_seat == seat.seat]
    if received and all(seat.held[no - 1] for no in received):
        legs = tuple(read_accept(no, seat.held[no - 1]) for no in sorted(received))
        post(step, seat.deal, seat.coordinator, LegsAccepted(seat.commit, seat.seat, legs))


def tell_all(step: Step, seat: Seat) -> None:
    """What a coordinator that takes over needs of this seat."""
    terms = terms_of(seat)
    report_accepted(step, seat, terms)
    for leg in terms.legs.values():
        if leg.from_seat == seat.seat:
            report_given(step, seat, leg)
    if seat.share:
        share = read_share(seat.share)
        post(step, seat.deal, seat.coordinator, Share(seat.commit, seat.seat, share))
