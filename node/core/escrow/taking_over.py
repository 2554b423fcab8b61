"""A deal of somebody else's is handed to us, or one of ours comes back (escrow section 7)."""

from typing import Final

from node.core.escrow.coordinating import begin
from node.core.escrow.opening import may_open, open_seat
from node.core.escrow.reading import deal_of, party_of, proposal_of, read_terms
from node.core.escrow.rows import Deal, DealPhase
from node.core.rows import replace
from node.core.view import Step
from proto.card import card_node
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.escrow.legs import Leg, RightCarrier
from proto.escrow.letters import Dossier, Join, read_letter
from proto.escrow.proposal import Proposal, proposal_hash, read_proposal
from proto.keys import NodeId
from proto.limits import CLOCK_ERROR_MAX_US, MIN_LEAD_US
from proto.wire import WireFault

CLOCKS_US: Final = 2 * CLOCK_ERROR_MAX_US


def on_dossier(step: Step, sender: NodeId, body: Dossier) -> None:
    """From the initiator or a party of it: nobody else has anything to hand over. What does not
    hold is ignored."""
    try:
        proposal = read_proposal(body.proposal)
        descriptor = decode_descriptor(body.descriptor)
    except (WireFault, DescriptorInvalid):
        return
    parties = {party_of(proposal, seat) for seat, _ in proposal.seats}
    if sender != proposal.initiator and sender not in parties:
        return
    readable = frozenset(descriptor.policy.members) <= step.settings.known
    if not readable or not may_open(step, body.descriptor) or not _is_named(step, proposal):
        return
    if not _holds(step, proposal, descriptor, body):
        return
    if deal_of(step, proposal.id) is not None:
        return
    transaction = step.transaction(commit_id(body.descriptor))
    if transaction is not None and transaction.decided:
        return  # there is nothing to go on with, and nothing would end it any more
    # From here on it must succeed.
    deal = Deal(
        id=proposal.id,
        phase=DealPhase.JOINED,
        proposal=body.proposal,
        created_at_us=step.now_us,
        due_at_us=step.now_us,
        fixed_at_us=step.now_us,
        commit=commit_id(body.descriptor),
        descriptor=body.descriptor,
        openings=tuple(opening.encode() for opening in body.openings),
        joins=body.joins,
        decline_preimage=body.decline_preimage,
    )
    open_seat(step, body.descriptor, descriptor, deal.id)
    begin(step, deal, proposal)


def _is_named(step: Step, proposal: Proposal) -> bool:
    """Whether seats would listen to us."""
    cards = (*proposal.coordinators, *(card for _, card in proposal.seats))
    return any(card_node(card) == step.settings.node for card in cards)


def _holds(step: Step, proposal: Proposal, descriptor: Descriptor, body: Dossier) -> bool:
    try:
        terms = read_terms(body.openings, descriptor.terms_root)
        joins = [_joined(proposal, signed) for signed in body.joins]
    except WireFault:
        return False
    if terms.order != proposal_hash(body.proposal) or not _decides(proposal, descriptor, joins):
        return False
    named = [join.seat for join in joins]
    if named != [seat for seat, _ in proposal.seats] or set(terms.seats) != set(named):
        return False
    for join in joins:
        said = terms.seats[join.seat]
        if (said.party, said.key) != (party_of(proposal, join.seat), join.key):
            return False
    legs = [_bare(terms.legs[no]) for no in sorted(terms.legs)]
    left_us = descriptor.deadline_us - step.now_us
    in_time = 2 * MIN_LEAD_US <= left_us <= proposal.within_us + CLOCKS_US
    return legs == list(proposal.legs) and in_time


def _decides(proposal: Proposal, descriptor: Descriptor, joins: list[Join]) -> bool:
    """Whether those who joined can commit to it together, and nobody else. Shares of other keys
    would stand in our books as its evidence, also for a hop of its money that we may be."""
    keys = {join.key for join in joins if join.key}
    return (
        keys == set(descriptor.committers)
        and descriptor.threshold == len(keys)
        and descriptor.policy in proposal.policies
        and descriptor.decline_hash in (b"", proposal.decline_hash)
        and not descriptor.hashlocks
    )


def _joined(proposal: Proposal, signed: bytes) -> Join:
    """Who joined, proven. WireFault."""
    letter = read_letter(signed, proposal.initiator)
    join = letter.body
    if not isinstance(join, Join) or join.proposal_id != proposal.id:
        raise WireFault("a dossier with another letter in the place of a join")
    if party_of(proposal, join.seat) != letter.sender:
        raise WireFault("a dossier with the join of a stranger")
    return join


def _bare(leg: Leg) -> Leg:
    if not isinstance(leg.carrier, RightCarrier):
        return leg
    carrier = RightCarrier(leg.carrier.registrar)
    return Leg(leg.no, leg.brand, leg.amount, leg.from_seat, leg.to_seat, carrier, leg.fee_max)


def take_back(step: Step, deal: Deal) -> None:
    """The coordinator that was to see to it has not come to an end by half of P."""
    assert deal.phase is DealPhase.HANDED
    begin(step, replace(deal, phase=DealPhase.JOINED), proposal_of(deal))
