"""The coordinator: it collects and forwards, and can do nothing but delay (escrow section 3).

All of it can be done by anybody who has the dossier, and by several at once: seats answer each of
them, registrars answer repeated batches as before, and only the registry decides.
"""

from typing import Final

from node.core.asking import plan_asking
from node.core.escrow.giving_up import give_up
from node.core.escrow.posting import ask_registrar, post
from node.core.escrow.reading import (
    deal_of,
    deal_under,
    joins_of,
    kept_accept,
    kept_share,
    own_card,
    party_of,
    placed,
    proposal_of,
    read_accept,
    read_share,
    registrar_card,
    says_where,
    terms_of,
)
from node.core.escrow.rows import Account, Deal, DealPhase
from node.core.escrow.rows import Step as Batch
from node.core.rows import replace
from node.core.view import Step
from proto.commit import SHARE_KIND, Evidence
from proto.descriptor import decode_descriptor
from proto.envelope import Proof
from proto.escrow.legs import Leg, RightCarrier, read_leg_promise
from proto.escrow.letters import (
    Fix,
    Give,
    Given,
    LegsAccepted,
    Receive,
    Share,
    Withdraw,
)
from proto.escrow.ops import Prepare
from proto.escrow.proposal import Proposal
from proto.escrow.reasons import EscrowReason
from proto.escrow.terms import Opening
from proto.keys import NodeId
from proto.limits import MIN_LEAD_US
from proto.wire import WireFault

# P, until which everything has to be prepared, lies two thirds of the way to D (escrow section 3).
PREPARED_OF: Final = (2, 3)
COLLECTING: Final = frozenset({DealPhase.JOINED, DealPhase.PREPARING, DealPhase.SHARING})


def begin(step: Step, deal: Deal, proposal: Proposal) -> None:
    """Tells every seat the terms, and asks receivers to accept (S1)."""
    deadline_us = decode_descriptor(deal.descriptor).deadline_us
    part, whole = PREPARED_OF
    none = (b"",) * len(proposal.legs)
    deal = replace(
        deal,
        phase=DealPhase.JOINED,
        due_at_us=deal.fixed_at_us + (deadline_us - deal.fixed_at_us) * part // whole,
        accepts=none,
        promises=none,
        shares=(b"",) * len(proposal.seats),
    )
    step.put(deal)
    mine = own_card(step, proposal)
    for seat, card in proposal.seats:
        shown = _openings_for(deal, seat)
        others = _receivers_for(deal, seat)
        post(step, deal.id, card, Fix(deal.id, seat, deal.descriptor, shown, mine, others))


def _openings_for(deal: Deal, seat: str) -> tuple[Opening, ...]:
    """The order, its own seat and legs, and what else it wants to see, with who receives that."""
    terms = terms_of(deal)
    wants = next(set(join.wants) for join in joins_of(deal) if join.seat == seat)
    legs = [
        leg
        for leg in terms.legs.values()
        if seat in (leg.from_seat, leg.to_seat) or leg.no in wants
    ]
    seats = {seat, *(leg.to_seat for leg in legs)}
    shown = [terms.by_leg[leg.no] for leg in legs]
    assert terms.by_order is not None
    return (terms.by_order, *(o for s, o in terms.by_seat.items() if s in seats), *shown)


def _receivers_for(deal: Deal, seat: str) -> tuple[bytes, ...]:
    """The signed joins of the others whose receipt the seat wants: it takes nobody's word for who
    holds their keys, or which accounts are theirs."""
    joins = joins_of(deal)
    wants = next(set(join.wants) for join in joins if join.seat == seat)
    wanted = {leg.to_seat for leg in terms_of(deal).legs.values() if leg.no in wants} - {seat}
    return tuple(
        signed for signed, join in zip(deal.joins, joins, strict=True) if join.seat in wanted
    )


def _collecting(step: Step, commit: bytes, sender: NodeId, seat: str) -> Deal | None:
    """The deal that a letter about this commit_id concerns, if its seat wrote it and it is early
    enough to matter."""
    deal = deal_of(step, deal_under(step, commit))
    if deal is None or deal.commit != commit or deal.phase not in COLLECTING:
        return None
    return deal if party_of(proposal_of(deal), seat) == sender else None


def on_accepted(step: Step, sender: NodeId, body: LegsAccepted) -> None:
    """What a seat receives is vetted. Once all is, and not before, givers are asked to lock."""
    deal = _collecting(step, body.commit, sender, body.seat)
    if deal is None or deal.phase is not DealPhase.JOINED:
        return
    legs = terms_of(deal).legs
    accepts = deal.accepts
    for accept in body.legs:
        leg = legs.get(accept.no)
        if leg is None or leg.to_seat != body.seat or accepts[accept.no - 1]:
            continue
        if says_where(leg, accept):
            accepts = placed(accepts, accept.no - 1, kept_accept(accept))
    if accepts == deal.accepts:
        return
    deal = replace(deal, accepts=accepts)
    step.put(deal)
    if all(accepts):
        _ask_givers(step, deal, legs)


def _ask_givers(step: Step, deal: Deal, legs: dict[int, Leg]) -> None:
    deal = replace(deal, phase=DealPhase.PREPARING)
    step.put(deal)
    for seat, card in proposal_of(deal).seats:
        given = tuple(
            read_accept(leg.no, deal.accepts[leg.no - 1])
            for leg in legs.values()
            if leg.from_seat == seat
        )
        if given:
            post(step, deal.id, card, Give(deal.commit, seat, given))
    _ask_shares(step, deal)  # where no right is in it


def on_given(step: Step, sender: NodeId, body: Given) -> None:
    """A leg is promised by its registrar, or never will be."""
    deal = _collecting(step, body.commit, sender, body.seat)
    if deal is None or deal.phase is DealPhase.JOINED:
        return
    leg = terms_of(deal).legs.get(body.no)
    if leg is None or leg.from_seat != body.seat or deal.promises[leg.no - 1]:
        return
    if body.why is not EscrowReason.NONE:
        # Also once all rights are promised: a payment may fail later than that.
        give_up(step, deal, body.why, body.seat)
    elif deal.phase is not DealPhase.PREPARING:
        return
    elif body.hold:
        _prepare_for(step, deal, leg, body.hold)
    elif leg.registrar is not None:
        take_promise(step, deal, leg, body.promise)


def _prepare_for(step: Step, deal: Deal, leg: Leg, hold: bytes) -> None:
    """A giver that may not transfer its right lets us, who may: the hold is tied to this
    commit_id, so that it can go nowhere but where the terms say."""
    assert isinstance(leg.carrier, RightCarrier)
    row = step.row((Account.table, leg.carrier.registrar, leg.brand))
    if not isinstance(row, Account) or not row.terms:
        give_up(step, deal, EscrowReason.NOT_AUTHORISED, leg.from_seat)
        return
    accept = read_accept(leg.no, deal.accepts[leg.no - 1])
    opening = terms_of(deal).by_leg[leg.no]
    prepare = Prepare(row.terms, hold, accept.hold, deal.descriptor, opening)
    card = registrar_card(proposal_of(deal), leg.carrier.registrar)
    ask_registrar(step, deal.id, card, (prepare,), Batch.GIVE, no=leg.no)


def take_promise(step: Step, deal: Deal, leg: Leg, signed: bytes) -> None:
    """Keeps a registrar's promise; with the last one the receivers are asked to sign."""
    try:
        promise = read_leg_promise(signed)
    except WireFault:
        promise = None
    if promise is None or (promise.commit, promise.leg) != (deal.commit, leg):
        give_up(step, deal, EscrowReason.PROMISE_INVALID, leg.from_seat)
        return
    deal = replace(deal, promises=placed(deal.promises, leg.no - 1, signed))
    step.put(deal)
    _ask_shares(step, deal)


def _ask_shares(step: Step, deal: Deal) -> None:
    legs = terms_of(deal).legs
    rights = [leg.no for leg in legs.values() if leg.registrar is not None]
    if not all(deal.promises[no - 1] for no in rights):
        return
    deadline_us = decode_descriptor(deal.descriptor).deadline_us
    deal = replace(deal, phase=DealPhase.SHARING, due_at_us=deadline_us - MIN_LEAD_US)
    step.put(deal)
    proposal = proposal_of(deal)
    for (seat, card), join in zip(proposal.seats, joins_of(deal), strict=True):
        shown = tuple(deal.promises[no - 1] for no in rights if no in join.wants)
        if shown and join.key:
            post(step, deal.id, card, Receive(deal.commit, seat, shown))


def on_share(step: Step, sender: NodeId, body: Share) -> None:
    """A committer signs. With all of them it is a commit, and goes to the registry (S5)."""
    deal = _collecting(step, body.commit, sender, body.seat)
    if deal is None:
        return
    key = terms_of(deal).seats[body.seat].key
    names = [seat for seat, _ in proposal_of(deal).seats]
    at = names.index(body.seat)
    if deal.shares[at] or not key or body.share.key != key:
        return
    if not body.share.proves(SHARE_KIND, deal.commit):
        return
    # From here on it must succeed.
    deal = replace(deal, shares=placed(deal.shares, at, kept_share(body.share)))
    step.put(deal)
    shares = tuple(read_share(kept) for kept in deal.shares if kept)
    if len(shares) == decode_descriptor(deal.descriptor).threshold:
        _decide(step, deal, shares)


def _decide(step: Step, deal: Deal, shares: tuple[Proof, ...]) -> None:
    """A crash after this change submits again; any other holder of the shares may submit too."""
    evidence = Evidence(shares).encode()
    step.put(replace(deal, phase=DealPhase.DECIDING))
    step.put(replace(step.the_transaction(deal.commit), commit_evidence=evidence))
    plan_asking(step, deal.commit)


def on_seat_withdraws(step: Step, sender: NodeId, deal: Deal, body: Withdraw) -> None:
    """A seat of a deal whose terms are fixed will not go on."""
    if deal.phase in COLLECTING and party_of(proposal_of(deal), body.seat) == sender:
        give_up(step, deal, body.why, body.seat)


def first_missing(deal: Deal) -> str:
    """The seat for which the others wait; empty where it is nobody in particular."""
    proposal = proposal_of(deal)
    for leg, accept, promise in zip(proposal.legs, deal.accepts, deal.promises, strict=True):
        if deal.phase is DealPhase.JOINED and not accept:
            return leg.to_seat
        if deal.phase is DealPhase.PREPARING and not promise and leg.registrar is not None:
            return leg.from_seat
    terms = terms_of(deal)
    for (seat, _), share in zip(proposal.seats, deal.shares, strict=True):
        if deal.phase is DealPhase.SHARING and terms.seats[seat].key and not share:
            return seat
    return ""
