"""The initiator: it proposes, hears who joins, and fixes the terms (escrow section 3, S0).

Nothing is at risk here: until the terms are fixed there is no commit_id that anybody could promise
under. From then on the deal is its coordinator's (node.core.escrow.coordinating).
"""

from hashlib import blake2b, sha256
from typing import Final

from node.core.effects import Answer
from node.core.escrow.coordinating import begin
from node.core.escrow.events import CancelDeal, Propose
from node.core.escrow.giving_up import give_up
from node.core.escrow.opening import open_seat
from node.core.escrow.posting import fits, post
from node.core.escrow.reading import deal_of, joins_of, party_of, placed, proposal_of
from node.core.escrow.rows import Deal, DealPhase
from node.core.rows import replace
from node.core.view import Step
from proto.card import card_node
from proto.descriptor import Descriptor, check_descriptor, commit_id
from proto.escrow.legs import Leg, RightCarrier
from proto.escrow.letters import Dossier, Invite, Join, Withdraw
from proto.escrow.proposal import Proposal, proposal_hash
from proto.escrow.reasons import EscrowReason
from proto.escrow.terms import Order, SeatTerms, Term, plant
from proto.keys import NodeId
from proto.policy import RegistryPolicy
from proto.reason import Reason, Refusal

# A coordinator that was handed a deal is given so much of the time to D before its initiator takes
# it over: P, the deadline of preparing, is two thirds of it, and half of P is enough (escrow 7).
TAKE_OVER_PART: Final = 3


def propose(step: Step, event: Propose) -> Answer:
    """Asks every seat."""
    proposal = event.proposal
    if deal_of(step, proposal.id) is not None:
        return Answer(Refusal(Reason.REPEATED_OTHERWISE))
    if step.now_us > proposal.expires_at_us:
        return Answer(Refusal(Reason.REQUEST_EXPIRED, step.now_us - proposal.expires_at_us))
    assert proposal.initiator == step.settings.node
    # From here on it must succeed.
    step.put(
        Deal(
            id=proposal.id,
            phase=DealPhase.PROPOSED,
            proposal=event.signed,
            created_at_us=step.now_us,
            due_at_us=proposal.expires_at_us,
            joins=(b"",) * len(proposal.seats),
            decline_preimage=event.decline_preimage,
        )
    )
    for seat, card in proposal.seats:
        post(step, proposal.id, card, Invite(event.signed, seat))
    return Answer()


def on_join(step: Step, sender: NodeId, body: Join, signed: bytes, seed: bytes) -> None:
    """A seat joins; with the last one the terms are fixed. A join that cannot be is ignored: its
    seat is told with the others when the proposal expires."""
    deal = deal_of(step, body.proposal_id)
    if deal is None or deal.phase is not DealPhase.PROPOSED:
        return
    proposal = proposal_of(deal)
    names = [seat for seat, _ in proposal.seats]
    if party_of(proposal, body.seat) != sender or not _join_fits(proposal, body):
        return
    at = names.index(body.seat)
    if deal.joins[at]:
        return
    # From here on it must succeed.
    deal = replace(deal, joins=placed(deal.joins, at, signed))
    step.put(deal)
    if all(deal.joins):
        _fix(step, deal, proposal, seed)


def _join_fits(proposal: Proposal, body: Join) -> bool:
    """Whether it names an account for just the rights that it gives or receives, and known
    policies. Who receives signs."""
    mine = [leg for leg in proposal.legs if body.seat in (leg.from_seat, leg.to_seat)]
    rights = [leg.no for leg in mine if leg.registrar is not None]
    receives = any(leg.to_seat == body.seat for leg in mine)
    named = [no for no, _ in body.accounts]
    return (
        named == rights
        and set(body.policies) <= set(proposal.policies)
        and (bool(body.key) or not receives)
        and set(body.wants) <= {leg.no for leg in proposal.legs}
    )


def _fix(step: Step, deal: Deal, proposal: Proposal, seed: bytes) -> None:
    """Everybody has joined: the descriptor, the openings, and off to its coordinator."""
    joins = joins_of(deal)
    policy = _policy(step, proposal, joins)
    keys = tuple(join.key for join in joins if join.key)
    if policy is None or len(set(keys)) != len(keys) or not keys:
        why = EscrowReason.NO_POLICY if policy is None else EscrowReason.TERMS_MISMATCH
        fail(step, deal, why)
        return
    terms = _terms(deal, proposal, joins)
    salts = [_salt(seed, number) for number in range(len(terms) + 1)]
    root, openings = plant(terms, salts[1:])
    descriptor = Descriptor(
        salt=salts[0],
        deadline_us=step.now_us + proposal.within_us,
        policy=policy,
        committers=keys,
        threshold=len(keys),
        terms_root=root,
        decline_hash=proposal.decline_hash if policy.declines else b"",
    )
    check_descriptor(descriptor)  # of our own making: a fault would be our bug
    encoded = descriptor.encode()
    deal = replace(
        deal,
        commit=commit_id(encoded),
        descriptor=encoded,
        openings=tuple(opening.encode() for opening in openings),
        fixed_at_us=step.now_us,
    )
    open_seat(step, encoded, descriptor, deal.id)
    first = _in_turn(deal.commit, proposal)[0]
    dossier = Dossier(deal.proposal, encoded, openings, deal.joins, deal.decline_preimage)
    if card_node(first) == step.settings.node or not fits(step, first, dossier):
        begin(step, deal, proposal)
        return
    due_at_us = step.now_us + proposal.within_us // TAKE_OVER_PART
    step.put(replace(deal, phase=DealPhase.HANDED, due_at_us=due_at_us))
    post(step, deal.id, first, dossier)


def _salt(seed: bytes, number: int) -> bytes:
    salt = number.to_bytes(2, "big")
    return blake2b(seed, digest_size=32, person=b"terms-salt", salt=salt).digest()


def _policy(step: Step, proposal: Proposal, joins: list[Join]) -> RegistryPolicy | None:
    """The first one that everybody accepts, registrars too, and whose certificates we can read."""
    accepted = [join.policies for join in joins]
    accepted += [right.policies for right in proposal.described().values()]
    for policy in proposal.policies:
        readable = frozenset(policy.members) <= step.settings.known
        if readable and all(policy in policies for policies in accepted):
            return policy
    return None


def _terms(deal: Deal, proposal: Proposal, joins: list[Join]) -> list[Term]:
    accounts = {(join.seat, no): account for join in joins for no, account in join.accounts}
    legs: list[Term] = [_with_accounts(leg, accounts) for leg in proposal.legs]
    seats: list[Term] = []
    for (seat, card), join in zip(proposal.seats, joins, strict=True):
        seats.append(SeatTerms(seat, card_node(card), join.key))
    return [*legs, *seats, Order(proposal_hash(deal.proposal))]


def _with_accounts(leg: Leg, accounts: dict[tuple[str, int], bytes]) -> Leg:
    if not isinstance(leg.carrier, RightCarrier):
        return leg
    source, destination = accounts[leg.from_seat, leg.no], accounts[leg.to_seat, leg.no]
    carrier = RightCarrier(leg.carrier.registrar, source, destination)
    return Leg(leg.no, leg.brand, leg.amount, leg.from_seat, leg.to_seat, carrier, leg.fee_max)


def _in_turn(commit: bytes, proposal: Proposal) -> list[str]:
    """The coordinators' cards by rendezvous hash (Thaler and Ravishankar 1998): the load spreads
    without anybody who spreads it, and everybody finds the same order."""

    def weight(card: str) -> bytes:
        return sha256(commit + card_node(card)).digest()

    return sorted(proposal.coordinators, key=weight, reverse=True)


def fail(step: Step, deal: Deal, why: EscrowReason, blamed: str = "") -> None:
    """It ends before anything was at risk; the seats are told."""
    proposal = proposal_of(deal)
    step.put(
        replace(deal, phase=DealPhase.FAILED, ended_at_us=step.now_us, because=why, blamed=blamed)
    )
    for seat, card in proposal.seats:
        if seat != blamed:
            post(step, deal.id, card, Withdraw(deal.id, seat, why))


def cancel_deal(step: Step, event: CancelDeal) -> Answer:
    """The initiator ends it as early as it can: at once, or by the decline at the registry."""
    deal = deal_of(step, event.deal)
    if deal is None:
        return Answer(Refusal(Reason.EXCHANGE_UNKNOWN))
    if deal.phase is DealPhase.PROPOSED:
        fail(step, deal, EscrowReason.WITHDRAWN)
        return Answer()
    if deal.phase.final or deal.phase in (DealPhase.SETTLING, DealPhase.RETURNING):
        return Answer(Refusal(Reason.EXCHANGE_STATE))
    if deal.because is EscrowReason.NONE:
        give_up(step, deal, EscrowReason.CANCELLED)
    return Answer()
